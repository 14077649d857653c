"""The judgement of a run and a model together."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tasks.issues import second_opinion as module
from tasks.issues.second_opinion import Judged, second_opinion
from tests.datasets import smooth_images
from tests.runs import analyse


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three classes of noisy images, of which some are in the folder of another class."""
    folder = tmp_path_factory.mktemp("opinion")
    smooth_images(folder / "data", count=100)
    for number in range(20):
        (folder / "data" / "a" / f"{number:04d}.png").rename(folder / "data" / "b" / f"wrong{number}.png")
    return analyse(folder / "data", folder / "workspace", rank=2, judge_space="none", permutations=2, scales=False)


@pytest.fixture(scope="module")
def samples(run):
    return run.tables["samples"].to_pandas()


def predictions(samples, strength, seed=0):
    """Probabilities of a model that knows the right classes, and is as sure of them as its strength says."""
    right = np.where(samples.key.str.contains("wrong"), 0, samples.class_id)
    logits = strength * np.eye(3)[right] + np.random.default_rng(seed).standard_normal((len(samples), 3))
    weights = np.exp(logits)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def test_two_judges_find_more_than_either(run, samples):
    model = predictions(samples, 2.0)
    found = second_opinion(run, model)
    wrong = samples.key.str.contains("wrong").to_numpy()
    alone = 1 - model[np.arange(len(samples)), samples.class_id]
    both = roc_auc_score(wrong, -found.logarithm)
    assert both > max(roc_auc_score(wrong, samples.label_suspicion), roc_auc_score(wrong, alone))
    assert 0 < found.share < 1
    assert found.predicted == len(samples)
    np.testing.assert_allclose(found.suspicion, 1 - np.exp(found.logarithm))
    assert ((found.suspicion >= 0) & (found.suspicion <= 1)).all()


def test_a_model_that_knows_nothing_changes_nothing(run, samples):
    found = second_opinion(run, np.full((len(samples), 3), 1 / 3, np.float32))
    np.testing.assert_array_equal(found.likely, samples.likely_class_id)
    expected = np.argsort(samples.label_suspicion.to_numpy(), kind="stable")
    assert np.argsort(found.suspicion, kind="stable")[-20:].tolist() == expected[-20:].tolist()


def test_an_overconfident_model_is_not_taken_at_its_word(run, samples):
    model = predictions(samples, 2.0)
    sharp = np.exp(20 * np.log(np.maximum(model, 1e-3)))
    sharp = (sharp / sharp.sum(axis=1, keepdims=True)).astype(np.float32)
    found = second_opinion(run, sharp)
    ours = -np.log1p(-samples.label_suspicion).mean()
    assert -found.logarithm.mean() <= ours + 0.01  # the log loss of the labels
    own = 1 - sharp[np.arange(len(samples)), samples.class_id]
    assert (found.suspicion > 0.99).mean() < (own > 0.99).mean()


def test_images_that_the_model_did_not_predict_are_judged_by_the_run_alone(run, samples):
    model = predictions(samples, 2.0)
    model[::2] = np.nan
    found = second_opinion(run, model)
    assert found.predicted == len(samples) // 2
    np.testing.assert_allclose(found.suspicion[::2], samples.label_suspicion[::2], atol=1e-3)
    assert np.abs(found.suspicion[1::2] - samples.label_suspicion[1::2]).max() > 0.1


def test_blocks_do_not_matter(run, samples, monkeypatch):
    whole = second_opinion(run, predictions(samples, 2.0))
    monkeypatch.setattr(module, "BLOCK", 50)
    for one, other in zip(second_opinion(run, predictions(samples, 2.0)), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_classes_that_the_table_lacks_share_the_rest():
    judged = Judged(
        rows=np.arange(2),
        labels=np.array([3, 0]),
        suspicion=np.array([0.99, 0.4]),
        class_ids=np.array([[0, 1], [0, 2]]),
        values=np.array([[0.7, 0.2], [0.6, 0.3]]),
        classes=4,
    )
    found = np.exp(judged.logarithms(np.array([0, 1])))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found[1], [0.6, 0.05, 0.3, 0.05])
    assert found[0, 3] == pytest.approx(0.01 / (0.7 + 0.2 + 0.05 + 0.01))
