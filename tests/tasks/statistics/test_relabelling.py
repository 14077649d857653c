import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tasks.statistics.relabelling import sample_ids, shuffled_labels, thresholds


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(sum), st.integers(0, 2**63 - 1))
@settings(max_examples=80, deadline=None)
def test_each_permutation_keeps_the_class_sizes(sizes, seed):
    sizes = np.array(sizes)
    ids = sample_ids([f"image {row}" for row in range(sizes.sum())])
    labels = shuffled_labels(ids, thresholds(ids, sizes, seed, 3), seed)
    assert labels.shape == (3, len(ids))
    for permutation in labels:
        assert np.bincount(permutation, minlength=len(sizes)).tolist() == sizes.tolist()


def test_labels_do_not_depend_on_order_or_shard():
    keys = [f"train/{row}" for row in range(500)]
    ids = sample_ids(keys)
    borders = thresholds(ids, np.array([100, 250, 150]), seed=3, permutations=2)
    whole = shuffled_labels(ids, borders, seed=3)
    order = np.random.default_rng(0).permutation(500)
    parts = [shuffled_labels(part, borders, seed=3) for part in np.split(ids[order], [17, 300])]
    assert np.array_equal(np.concatenate(parts, axis=1), whole[:, order])


def test_permutations_are_independent_of_each_other_and_of_the_labels():
    sizes = np.full(10, 300)
    ids = sample_ids([f"{row:05d}" for row in range(3000)])
    true = np.repeat(np.arange(10), 300)
    labels = shuffled_labels(ids, thresholds(ids, sizes, seed=0, permutations=5), seed=0)
    for first, second in [(labels[0], labels[1]), (labels[1], labels[4]), (labels[2], true)]:
        crossed = np.histogram2d(first, second, bins=10)[0]
        assert stats.chi2_contingency(crossed).pvalue > 1e-4


def test_ids_follow_from_keys_alone():
    assert sample_ids(["a", "b"]).tolist() == [*sample_ids(["a"]).tolist(), *sample_ids(["b"]).tolist()]
    assert len(set(sample_ids([str(key) for key in range(10_000)]).tolist())) == 10_000
