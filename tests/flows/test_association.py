"""Association from images to tables, against oracles on the scores that the run has stored."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from tests import naive
from tests.datasets import smooth_images, write_images
from tests.runs import analyse


@pytest.fixture(scope="module")
def split_run(tmp_path_factory):
    """Three classes in train/ and test/, in shards some of which hold test images only."""
    folder = tmp_path_factory.mktemp("split")
    smooth_images(folder / "data" / "train", count=80)
    smooth_images(folder / "data" / "test", count=50, seed=1)
    return analyse(folder / "data", folder / "workspace", rank=6, shard_size=2**15)


def of_split(run, split):
    samples = run.tables["samples"].to_pandas()
    mine = (samples.split == split).to_numpy()
    return run.scores[:].astype(np.float64)[mine], samples.class_id.to_numpy()[mine]


def test_first_order_of_a_run_equals_scipy(split_run):
    scores, labels = of_split(split_run, "train")
    patterns = split_run.tables["patterns"].to_pandas()
    expected = [stats.kruskal(*[scores[labels == c, j] for c in range(3)]).statistic for j in range(6)]
    np.testing.assert_allclose(patterns.kruskal_wallis, expected, rtol=1e-9)
    pairs = split_run.tables["pattern_class"].to_pandas()
    for row in pairs.itertuples():
        area = roc_auc_score(labels == row.class_id, scores[:, row.pattern])
        assert row.auc == pytest.approx(area, abs=1e-12)
    assert (patterns.eta_squared_low <= patterns.eta_squared_high).all()
    assert (patterns.kruskal_wallis > patterns.null_kruskal_wallis_max)[0]
    assert (patterns.mutual_information > patterns.null_mutual_information_max)[0]


def test_psnr_is_that_of_rebuilt_held_out_images(split_run):
    coefficients, scores = split_run.coefficients[:].astype(np.float64), split_run.scores[:].astype(np.float64)
    held_out = (split_run.tables["samples"].to_pandas().split == "test").to_numpy()
    found = split_run.tables["patterns"]["psnr"].to_pylist()
    for rank in (1, 6):
        rebuilt = split_run.mean[:] + scores[:, :rank] @ split_run.patterns[:rank].astype(np.float64)
        noise = ((coefficients - rebuilt)[held_out] ** 2).mean()
        assert found[rank - 1] == pytest.approx(-10 * np.log10(noise), abs=1e-4)


def test_held_out_images_are_those_of_the_other_split(split_run):
    held_out = split_run.tables["held_out"].to_pandas()
    assert held_out.judged.tolist() == [150, 150]
    assert held_out.learned.tolist() == [240, 240]
    np.testing.assert_allclose(held_out.chance, 1 / 3)
    assert (held_out.accuracy > held_out.shuffled_accuracy).all()
    scores, labels = of_split(split_run, "train")
    asked, truth = of_split(split_run, "test")
    posteriors = naive.quadratic_posteriors(scores, labels, 3, asked)
    assert held_out.accuracy[1] == pytest.approx((posteriors.argmax(axis=1) == truth).mean(), abs=1e-12)


def test_label_noise_and_colour_baseline_equal_naive(split_run):
    scores, labels = of_split(split_run, "train")
    row = split_run.tables["learnability"].to_pylist()[0]
    fitted = (split_run.tables["samples"].to_pandas().split == "train").to_numpy()
    brightness = split_run.coefficients[:, : 4 * 4].astype(np.float64).mean(axis=1)[fitted]
    assert row["colour_learnability"] == pytest.approx(naive.learnability(brightness[:, None], labels), rel=1e-9)
    assert row["ci_low"] < row["learnability_adjusted"] < row["ci_high"]
    every = split_run.coefficients[:].astype(np.float64)[fitted]
    means = np.stack([scores[labels == c].mean(axis=0) - scores.mean(axis=0) for c in range(3)])
    between = (np.bincount(labels)[:, None] * means**2).sum() - 2 * naive.pooled_within(scores, labels).sum()
    assert row["explained_variance"] == pytest.approx(between / ((every - every.mean(axis=0)) ** 2).sum(), rel=1e-5)
    assert row["learnability_cap"] == 1
    noise = split_run.tables["label_noise"].to_pandas()
    value, null = naive.learnability(scores, labels), 6 / 239
    np.testing.assert_allclose(noise.predicted, (1 - noise.fraction) ** 2 * (value - null) + null, rtol=1e-9)
    # Three standard deviations of what 240 images allow.
    np.testing.assert_allclose(noise.measured, noise.predicted, atol=0.08)


def test_exemplars_have_the_extreme_scores(split_run):
    exemplars, scores = split_run.tables["exemplars"].to_pandas(), split_run.scores[:]
    keys = split_run.tables["samples"]["key"].to_pylist()
    for pattern in range(6):
        mine = exemplars[exemplars.pattern == pattern]
        order = np.argsort(scores[:, pattern])
        assert mine[mine.side == "positive"].row.tolist() == order[::-1][:8].tolist()
        assert mine[mine.side == "negative"].row.tolist() == order[:8].tolist()
        assert mine.key.tolist() == [keys[row] for row in mine.row]


def test_loadings_make_unit_patterns(split_run):
    from storage.arrays.zarr import open_array  # noqa: PLC0415

    for path in (split_run.paths.generalized_loadings, split_run.paths.class_loadings):
        loadings = open_array(path)[:]
        np.testing.assert_allclose(np.linalg.norm(loadings, axis=-1), 1)


@pytest.mark.parametrize("solver", ["krylov", "dual"])
def test_without_another_split_a_fifth_is_held_out(tmp_path, solver):
    folder = smooth_images(tmp_path / "data", count=100)
    run = analyse(folder, tmp_path / "workspace", rank=4, shard_size=2**15, solver=solver)
    held_out = run.tables["held_out"].to_pandas()
    assert held_out.judged[0] + held_out.learned[0] == 300
    assert 35 <= held_out.judged[0] <= 90
    assert run.tables["samples"]["label_suspicion"].null_count == 0


def test_classes_of_one_or_two_images_and_an_empty_class(tmp_path):
    folder = smooth_images(tmp_path / "data", count=1, classes=tuple("abcdefghijkl"))
    smooth_images(folder, count=1, start=1, seed=1, classes=("a", "b"))
    (folder / "m").mkdir()
    run = analyse(folder, tmp_path / "workspace", rank=3)
    for name, table in ((name, run.tables[name]) for name in run.tables):
        for column in table.column_names:
            values = [value for value in table[column].to_pylist() if isinstance(value, float)]
            assert np.isfinite(values).all(), (name, column)
    assert run.tables["learnability"]["heterogeneity"].null_count == 1


@pytest.mark.parametrize("settings", [{"transform": "modulus"}, {"bands": "details"}])
def test_what_a_space_does_not_hold_is_null(tmp_path, settings):
    folder = smooth_images(tmp_path / "data", count=30)
    run = analyse(folder, tmp_path / "workspace", rank=4, **settings)
    assert run.tables["learnability"]["colour_learnability"].null_count == 1
    assert run.tables["patterns"]["psnr"].null_count == 4
    if not run.coefficients.attrs["invertible"]:
        assert run.class_pattern_image(0).shape == run.pattern_image(0).shape == (16, 16, 1)


def test_colours_in_another_colour_space_tell_as_much(tmp_path):
    folder = write_images(tmp_path / "data", count=30)
    rows = [
        analyse(folder, tmp_path / colour, rank=4, colour=colour).tables["learnability"].to_pylist()[0]
        for colour in ("rgb", "ycbcr")
    ]
    assert rows[0]["colour_learnability"] == pytest.approx(rows[1]["colour_learnability"], rel=1e-4)
