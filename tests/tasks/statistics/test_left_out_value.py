import numpy as np

from tasks.statistics.left_out_value import LEAST, ValueJudges
from tasks.statistics.value_cells import Cells, CellSums
from tests import naive


def planted(seed=1, n=600):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, n)
    values = np.where(rng.random(n) < 0.6, classes, rng.integers(0, 4, n))
    scores = rng.standard_normal((n, 5)) + 0.8 * np.eye(3, 5)[classes] + 1.5 * np.eye(4, 5)[values]
    ids = rng.integers(0, 2**63, n).astype(np.uint64)
    return scores, Cells.of(values, classes, ids, ids, seed)


def test_leaving_a_value_out_is_refitting_without_it():
    """The oracle is scikit-learn, fitted on the images themselves."""
    scores, cells = planted()
    judges = ValueJudges.of(CellSums.of(scores, cells, 4, 3))
    for number, own in enumerate(cells.values[:2]):
        for fold in range(5):
            for value in range(4):
                kept = (cells.folds != fold) & (own != value)
                expected = naive.discriminants(scores[kept], cells.classes[kept])
                np.testing.assert_allclose(judges.without[number, fold, value], expected, rtol=1e-6, atol=1e-9)


def test_each_image_is_judged_without_its_fold_and_its_value():
    scores, cells = planted()
    judges = ValueJudges.of(CellSums.of(scores, cells, 4, 3))
    found = judges.right(scores, cells)
    for image in range(0, 600, 37):
        fold, value = cells.folds[image], cells.values[0, image]
        for number, judge in enumerate((judges.whole[fold], *judges.without[:, fold, value])):
            likeliest = (scores[image] @ judge[:-1] + judge[-1]).argmax()
            assert found[number, image] == (likeliest == cells.classes[image])
    assert 0.5 < found[1].mean() < 0.9


def test_the_comparison_misses_as_many_images_of_each_class():
    scores, cells = planted()
    sums = CellSums.of(scores, cells, 4, 3)
    np.testing.assert_array_equal(sums.counts[0].sum(axis=0), sums.counts[1].sum(axis=0))


def test_a_class_of_one_value_is_not_judged_without_it():
    scores, cells = planted()
    values = np.where(cells.classes == 2, 3, np.minimum(cells.values[0], 1))
    values[np.flatnonzero(cells.classes == 2)[: LEAST - 1]] = 0
    ids = np.arange(600).astype(np.uint64)
    judges = ValueJudges.of(CellSums.of(scores, Cells.of(values, cells.classes, ids, ids, 1), 4, 3))
    assert not judges.asked[3, 2]
    assert judges.asked[0, 2]
    assert judges.asked[:2, :2].all()
    assert not judges.asked[2].any()
