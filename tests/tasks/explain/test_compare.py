"""What a layer and the patterns predict of each other, against predictions made image by image."""

import numpy as np
import pytest

from tasks.columns.images import RunImages, Sides
from tasks.explain.compare import compare_layer
from tasks.statistics.ridge import best_penalties
from tests.datasets import smooth_images
from tests.runs import analyse


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explained")
    smooth_images(folder / "data", count=120)
    (folder / "data" / "a" / "bad.png").write_bytes(b"no image")
    settings = {"max_bad_fraction": 0.1, "shard_size": 2**16}
    return analyse(folder / "data", folder / "workspace", scales=False, permutations=2, rank=8, **settings)


@pytest.fixture(scope="module")
def images(run):
    return RunImages.of(run)


def predicted(learned, values, asked):
    """Ridge regression of each column of values (n, t) on scores (n, k), with penalties as the engine chooses them."""
    centre, mean = learned.mean(axis=0), values.mean(axis=0)
    x, y = learned - centre, values - mean
    eigenvalues, vectors = np.linalg.eigh(x.T @ x)
    penalties = best_penalties(np.maximum(eigenvalues, 0), (vectors.T @ x.T @ y) ** 2, (y**2).sum(axis=0), len(x))
    result = np.empty((len(asked), values.shape[1]))
    for number, penalty in enumerate(penalties):
        weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y[:, number])
        result[:, number] = (asked - centre) @ weights + mean[number]
    return result


def test_numbers_are_those_of_predictions_image_by_image(run, images):
    random = np.random.default_rng(0)
    scores, judging = (np.asarray(array[:], np.float64) for array in (run.scores, run.judging_scores))
    values = 1000 + 5 * np.nan_to_num(scores[:, :3]) @ random.standard_normal((3, 5)) + random.standard_normal((361, 5))
    sides = Sides.of(images, np.where(images.valid, 0, -1), seen=False)
    learned, judged = sides.learned, sides.judged
    found = compare_layer(images, values)
    assert (found.features, found.missing) == (5, 0)
    assert (found.learned, found.judged) == (learned.sum(), judged.sum())
    rest = values[judged] - predicted(judging[learned], values[learned], judging[judged])
    total = values[judged] - values[learned].mean(axis=0)
    assert found.r_squared == pytest.approx(1 - (rest**2).sum() / (total**2).sum(), rel=1e-6)
    layer = (values - values[learned].mean(axis=0)) / (values[learned] - values[learned].mean(axis=0)).std()
    rest = scores[judged] - predicted(layer[learned], scores[learned], layer[judged])
    total = scores[judged] - scores[learned].mean(axis=0)
    assert found.patterns == pytest.approx(1 - (rest**2).sum(axis=0) / (total**2).sum(axis=0), rel=1e-6, abs=1e-9)
    x, y = (each[judged] - each[judged].mean(axis=0) for each in (judging, values))
    norms = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    assert found.alignment == pytest.approx(((x.T @ y) ** 2).sum() / norms, rel=1e-6)
    assert np.isnan([found.agreement, found.accuracy]).all()
    assert found.images is None


def test_a_layer_keeps_what_it_has_and_drops_what_it_lacks(run, images):
    scores = np.nan_to_num(np.asarray(run.scores[:], np.float64))
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0]
    found = compare_layer(images, (scores / scores.std(axis=0))[:, :4] @ rotation)
    assert (found.patterns[:4] > 0.999).all()
    assert (found.patterns[4:] < 0.2).all()
    assert np.abs(found.shuffled_patterns).max() < 0.2
    assert abs(found.shuffled_r_squared) < 0.2


def test_noise_is_predicted_by_nothing(images):
    found = compare_layer(images, np.random.default_rng(2).standard_normal((361, 10)))
    assert abs(found.r_squared) < 0.1
    assert np.abs(found.patterns).max() < 0.2


def test_logits_name_classes(images):
    labels = np.maximum(images.classes, 0)
    found = compare_layer(images, np.eye(3)[labels] + 0.01 * np.random.default_rng(3).standard_normal((361, 3)))
    assert found.accuracy == 1
    assert found.agreement == pytest.approx(found.predicted_accuracy)
    assert found.agreement > found.agreement_by_chance
    sides = Sides.of(images, np.where(images.valid, 0, -1), seen=False)
    parts = np.bincount(labels[sides.judged]) / sides.judged.sum()
    assert 0.2 < found.agreement_by_chance < parts.max() + 1e-9


def test_each_image_has_its_own_residual(run, images):
    random = np.random.default_rng(5)
    judging = np.asarray(run.judging_scores[:], np.float64)
    logits = np.nan_to_num(judging[:, :4]) @ random.standard_normal((4, 3)) + 7 + random.standard_normal((361, 3))
    sides = Sides.of(images, np.where(images.valid, 0, -1), seen=False)
    learned, judged = sides.learned, sides.judged
    odd = np.flatnonzero(judged)[4]
    logits[odd] += [30, 0, -30]
    said = compare_layer(images, logits).images
    expected = predicted(judging[learned], logits[learned], judging[judged])
    errors = ((logits[judged] - expected) ** 2).sum(axis=1)
    deviations = ((logits[judged] - logits[learned].mean(axis=0)) ** 2).sum(axis=1)
    assert said.rows.tolist() == np.flatnonzero(judged).tolist()
    np.testing.assert_allclose(said.residuals, errors / deviations.mean(), rtol=1e-6)
    assert said.rows[said.residuals.argmax()] == odd
    assert said.given.tolist() == logits[judged].argmax(axis=1).tolist()
    assert said.predicted.tolist() == expected.argmax(axis=1).tolist()


def test_residuals_are_what_is_left_of_r_squared(images):
    logits = np.random.default_rng(6).standard_normal((361, 3)) + np.eye(3)[np.maximum(images.classes, 0)]
    found = compare_layer(images, logits)
    assert found.images.residuals.mean() == pytest.approx(1 - found.r_squared, rel=1e-9)
    assert (found.images.given == found.images.predicted).mean() == found.agreement


def test_images_without_features_are_left_out_and_counted(images):
    values = np.random.default_rng(4).standard_normal((361, 2))
    some = values.copy()
    some[::7, 1] = np.nan
    some[3, 0] = np.inf
    found = compare_layer(images, some)
    gone = ~np.isfinite(some).all(axis=1) & images.valid
    assert found.missing == gone.sum()
    assert found.learned + found.judged <= images.valid.sum() - found.missing
    assert np.isfinite(found.r_squared)


def test_of_too_few_images_nothing_is_said(images):
    values = np.full((361, 3), np.nan)
    values[:20] = 1.0
    found = compare_layer(images, values)
    assert found.learned + found.judged <= 20
    numbers = [found.r_squared, found.shuffled_r_squared, found.agreement, *found.patterns]
    assert np.isnan(numbers).all()
    assert found.images is None


def test_a_constant_layer_has_nothing_to_explain(images):
    found = compare_layer(images, np.full((361, 3), 7.0))
    assert np.isnan([found.r_squared, found.alignment]).all()
    assert np.isnan(found.images.residuals).all()
    assert (np.abs(found.patterns) < 0.1).all()
