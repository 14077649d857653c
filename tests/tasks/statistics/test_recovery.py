"""Association on data with known truth: planted effects, no effects, many classes, few images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.tables.parquet import to_table
from storage.tables.schemas import TABLES
from tasks.statistics.association import (
    ClassSums,
    control,
    expected_null,
    learnability,
    q_values,
    significant,
    variance,
)
from tasks.statistics.class_comparison import ClassComparison
from tasks.statistics.classifiers import Quadratic, Ridge
from tasks.statistics.groups import GROUPS, GroupSums, group_of, groups_kept
from tasks.statistics.intervals import intervals
from tasks.statistics.means import brown_forsythe
from tasks.statistics.ranks import Distribution, LevelCounts, labellings_counted, mutual_information
from tasks.statistics.relabelling import noisy_labels, sample_ids, shuffled_labels, thresholds
from tasks.statistics.scatter import ClassScatter, parts
from tasks.statistics.sums import BUDGET, LabelSums, flattened
from tests.strategies import seeds


def fitted_sums(scores, labels, classes, permutations=3, seed=0):
    ids = sample_ids([str(row) for row in range(len(labels))])
    borders = thresholds(ids, np.bincount(labels, minlength=classes), seed, permutations)
    return ClassSums.of(scores, labels, shuffled_labels(ids, borders, seed), classes)


def q_of(sums):
    return q_values(brown_forsythe(sums.counts, sums.sums, sums.squares).p_value)


def test_planted_class_means_are_recovered_within_their_error():
    """Scores = class strength of each pattern + noise: eta squared and L are known in closed form."""
    random = np.random.default_rng(0)
    n, classes = 20_000, 5
    strengths = np.linspace(0, 0.5, 8)
    labels = np.arange(n) % classes
    means = random.standard_normal((classes, 8))
    means = (means - means.mean(axis=0)) / means.std(axis=0) * strengths
    scores = means[labels] + random.standard_normal((n, 8))
    sums = fitted_sums(scores, labels, classes)
    true = variance(sums.counts, sums.sums, sums.cross)
    eta = strengths**2 / (1 + strengths**2)
    # The standard error of eta squared at most, of a noncentral F: 2 eta (1 - eta) / sqrt(n eta).
    error = 2 * np.sqrt(np.maximum(eta, (classes - 1) / n) / n) * (1 - eta)
    assert (np.abs(true.omega_squared - eta) <= 3.5 * error).all()
    total, between = np.eye(8) + means.T @ means / classes, means.T @ means / classes
    expected = np.trace(np.linalg.solve(total, between)) / (classes - 1)
    found = learnability(sums.counts, sums.sums, sums.cross)
    null = expected_null(8, n)
    assert (found - null) / (1 - null) == pytest.approx(expected, abs=3 * 2 * np.sqrt(expected / n / (classes - 1)))
    ids = sample_ids([str(row) for row in range(n)])
    interval = intervals(GroupSums.of(scores, labels, group_of(ids, 0, GROUPS), (GROUPS, classes)))
    assert interval.learnability[0] < expected < interval.learnability[1]
    shuffled = shuffled_labels(ids, thresholds(ids, np.bincount(labels), 0, 5), 0)
    noisy = LabelSums.of(scores, noisy_labels(ids, labels, shuffled, 0), classes)
    for fraction, counts, totals in zip((0.1, 0.25, 0.5, 0.75, 0.9), noisy.counts, noisy.sums, strict=True):
        predicted = (1 - fraction) ** 2 * (found - null) + null
        assert learnability(counts, totals, sums.cross) == pytest.approx(predicted, rel=0.05, abs=4e-4)


def test_false_discoveries_stay_at_their_nominal_rate():
    """Over 200 seeds: with no association at all, and with half of the patterns associated."""
    any_found, false_parts = 0, []
    for seed in range(200):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 5, 400)
        scores = random.standard_normal((400, 24))
        sums = fitted_sums(scores, labels, 5, permutations=1, seed=seed)
        any_found += significant(q_of(sums)) > 0
        scores[:, :12] += 0.35 * random.standard_normal((5, 12))[labels]
        sums = fitted_sums(scores, labels, 5, permutations=1, seed=seed)
        found = q_of(sums) < 0.05
        assert found[:12].sum() >= 4
        false_parts.append(found[12:].sum() / max(found.sum(), 1))
    # Binomial with 200 draws of 0.05: 19 at most, at the 99.9 % level. Half are null, so at most 0.025 on average.
    assert any_found <= 19
    assert np.mean(false_parts) <= 0.05 / 2 + 3 * np.std(false_parts) / np.sqrt(200)


def test_shuffled_labels_over_200_seeds_find_no_more_than_chance():
    """The control itself, as runs make it, on data that is associated: its q-values are those of no association."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 5, 600)
    scores = random.standard_normal((600, 10)) + labels[:, None]
    found = control(fitted_sums(scores, labels, 5, permutations=200)).significant
    assert (found > 0).sum() <= 19


@given(seeds, st.data())
@settings(max_examples=15, deadline=None)
def test_any_order_and_split_of_shards_agrees(seed, data):
    """Every sum over scores, to 1e-12 of its size, whatever the shards are."""
    random = np.random.default_rng(seed)
    n, k, classes = 60, 3, 4
    scores = random.standard_normal((n, k)).astype(np.float32).astype(np.float64)
    labels, ids = random.integers(0, classes, n), sample_ids([str(row) for row in range(n)])
    borders = thresholds(ids, np.bincount(labels, minlength=classes), seed, 2)

    def sums(rows):
        shuffled = shuffled_labels(ids[rows], borders, seed)
        own, known = scores[rows], labels[rows]
        part = parts(ids[rows], np.ones(len(rows), bool), seed, other_split=False)
        ranks = Distribution.of(scores, np.ones(k), keep=True).ranks(own, np.ones(k))
        return [
            ClassSums.of(own, known, shuffled, classes),
            LabelSums.of(own, noisy_labels(ids[rows], known, shuffled, seed), classes),
            GroupSums.of(own, known, group_of(ids[rows], seed, GROUPS), (GROUPS, classes)),
            ClassScatter.of(own, part, np.stack([known, shuffled[0]]), classes),
            Distribution.of(own, np.ones(k), keep=True),
            LevelCounts.of(Distribution.of(scores, np.ones(k), keep=False).levels(ranks), shuffled, classes),
        ]

    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=5)))
    shards = [sums(rows) for rows in np.split(np.arange(n), cuts)]
    order = data.draw(st.permutations(range(len(shards))))
    for kind, whole in enumerate(sums(np.arange(n))):
        merged = shards[order[0]][kind]
        for number in order[1:]:
            merged = merged + shards[number][kind]
        expected = flattened(whole)
        for name, values in flattened(merged).items():
            scale = max(1, np.abs(expected[name]).max())
            np.testing.assert_allclose(values, expected[name], rtol=1e-12, atol=1e-12 * scale, err_msg=name)


def test_classes_of_ten_thousand_images_and_of_one():
    """1 : 10,000. The rare class's one image is told apart by its effect, and spoils nothing."""
    random = np.random.default_rng(2)
    labels = np.r_[np.zeros(10_000, int), np.ones(10_000, int), 2]
    scores = random.standard_normal((20_001, 6)) + 0.4 * np.outer(labels == 1, np.eye(6)[0])
    sums = fitted_sums(scores, labels, 3)
    true = variance(sums.counts, sums.sums, sums.cross)
    assert significant(q_of(sums)) >= 1
    assert true.eta_squared[0] == pytest.approx(0.04 / 1.04, abs=0.01)
    ids = sample_ids([str(row) for row in range(20_001)])
    part = parts(ids, np.ones(20_001, bool), 0, other_split=False)
    scatter = ClassScatter.of(scores, part, np.stack([labels, labels]), 3)
    learned = scatter.take(0, [0, 1])
    known = learned.counts[labels] > 0
    assert (Quadratic.of(learned).predict(scores)[:20_000] == labels[:20_000]).mean() > 0.55
    found = ClassComparison.of(scatter, 0)
    assert np.isnan(found.heterogeneity)
    shares = found.shares[:, known[[0, 10_000, 20_000]]]
    np.testing.assert_allclose(shares.sum(axis=1), 1)


@pytest.mark.parametrize(("classes", "images"), [(1000, 3), (21_000, 1)])
def test_many_classes_take_bounded_memory_and_give_numbers_or_null(classes, images):
    random = np.random.default_rng(3)
    rank, n = 16, classes * images
    labels = np.repeat(np.arange(classes), images)
    scores = random.standard_normal((n, rank)) + 2 * random.standard_normal((classes, rank))[labels]
    ids = sample_ids([str(row) for row in range(n)])
    part = parts(ids, np.ones(n, bool), 0, other_split=False)
    scatter = ClassScatter.of(scores, part, np.stack([labels, random.permutation(labels)]), classes)
    assert scatter.class_cross.nbytes <= BUDGET
    groups = groups_kept(classes, rank)
    grouped = GroupSums.of(scores, labels, group_of(ids, 0, groups), (groups, classes))
    assert grouped.sums.nbytes + grouped.cross.nbytes <= BUDGET
    counted = labellings_counted(classes, rank, 21)
    counts = LevelCounts.of(np.zeros((n, rank), int), np.repeat(labels[None], counted, 0), classes).counts
    assert counts.nbytes <= BUDGET
    assert np.isnan(mutual_information(counts)).all()  # too few images of a class
    sums = fitted_sums(scores, labels, classes, permutations=2)
    true = variance(sums.counts, sums.sums, sums.cross)
    if images == 1:
        np.testing.assert_allclose(true.eta_squared, 1)
        assert np.isnan(true.f_statistic).all()
    else:
        assert true.eta_squared == pytest.approx(np.full(rank, (4 + 1 / 3) / 5), abs=0.05)
        assert (true.p_value < 1e-10).all()
    learned = scatter.take(0, [0, 1])
    assert np.isfinite(Quadratic.of(learned).weights).all()
    assert np.isfinite(Ridge.of(learned).weights).all()
    found = ClassComparison.of(scatter, 0)
    assert found.shares.shape[1] == classes
    np.testing.assert_allclose(np.nansum(found.shares, axis=1), 1)
    assert np.isnan(found.heterogeneity)
    columns = {"fraction": [0.1], "measured": [found.heterogeneity], "predicted": [found.agreement], "spread": [0.0]}
    assert to_table(TABLES["label_noise"], {"run_id": ["run"], **columns})["measured"].null_count == 1
