import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.planning.plan import MOST_PATTERNS, patterns_of_scales
from tasks.statistics.scales import ScaleSums, scale_scores, statistics
from tasks.statistics.sums import BUDGET
from tasks.svd import scales
from tasks.wavelet.bands import families, select
from tasks.wavelet.transform import WaveletTransform
from tests import naive

SHAPES = WaveletTransform("haar", "periodization", 2, 16, 16).shapes
BANDS = select(SHAPES, 3, "all", "")
EVERY = families(BANDS, 3)


def rows_of(n=120, seed=0):
    """Rows whose columns are correlated and fall in strength from band to band, and labels that shift some of them."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, n)
    rows = random.standard_normal((n, 40)) @ random.standard_normal((40, 768)) * np.linspace(3, 0.3, 768)
    rows += random.standard_normal((3, 768))[labels]
    return (rows + 5).astype(np.float32), labels


def passes(rows, used, mean, rank, every=EVERY):
    blocks = [scales.first_blocks(every, rows.shape[1], rank + scales.OVERSAMPLE, seed=1)]
    products = []
    for number in range(scales.PASSES):
        products.append(scales.share(every, rows, used, blocks[-1], mean))
        if number + 1 < scales.PASSES:
            blocks.append(scales.next_blocks(every, blocks, products[-1]))
    energy = float(((rows[used] - mean) ** 2).sum())
    return scales.leading_patterns(every, blocks, products, rank, energy)


def test_families_hold_levels_bands_and_channels():
    levels, bands, channels = EVERY
    assert [(scale.level, scale.orientation, scale.channel) for scale in levels] == [(2, None, None), (1, None, None)]
    assert (levels[0].start, levels[1].stop) == (48, 768)
    assert [scale.orientation for scale in bands] == ["LL", "LH", "HL", "HH", "LH", "HL", "HH"]
    assert len(channels) == 21
    for family in (bands, channels):
        assert [scale.start for scale in family[1:]] == [scale.stop for scale in family[:-1]]
        assert family[-1].stop == 768
    assert [len(family) for family in families(BANDS[:1], 1)] == [1]
    assert [len(family) for family in families(select(SHAPES, 1, "LL,HH", ""), 1)] == [3]


def test_each_scale_equals_the_exact_decomposition_of_its_columns():
    rows, labels = rows_of()
    used = np.arange(120) % 7 > 0
    rows[~used] = np.nan
    mean = rows[used].mean(axis=0, dtype=np.float64)
    patterns = passes(rows, used, mean, 6)
    labellings = np.stack([labels, np.random.default_rng(2).permutation(labels)])[:, used]
    sums = ScaleSums.of(*scale_scores(EVERY, rows, used, patterns, mean), labellings, 3)
    flat = [(number, scale) for number, family in enumerate(EVERY) for scale in family]
    for (number, scale), row in zip(flat, statistics(sums, grouped=False), strict=True):
        own = rows[used][:, scale.columns].astype(np.float64)
        _, values, vectors, energy = naive.svd(own, 6)
        found = patterns[number, scale.columns]
        np.testing.assert_allclose(np.abs((found.T * vectors).sum(axis=1)), 1, atol=1e-4)
        scores = (own - own.mean(axis=0)) @ vectors.T
        assert row.patterns == 6
        assert row.energy == pytest.approx(energy, rel=1e-5)
        assert row.captured == pytest.approx((values**2).sum() / energy, rel=1e-5)
        assert row.learnability == pytest.approx(naive.learnability(scores, labellings[0]), rel=1e-3)
        assert row.shuffled[0] == pytest.approx(naive.learnability(scores, labellings[1]), rel=1e-3)
        assert row.expected == pytest.approx(6 / (used.sum() - 1))


def test_shares_and_sums_add_up():
    rows, labels = rows_of()
    used, mean = np.ones(120, np.bool_), rows.mean(axis=0, dtype=np.float64)
    block = scales.first_blocks(EVERY, 768, 10, seed=1)
    parts = [slice(0, 50), slice(50, 120)]
    whole = scales.share(EVERY, rows, used, block, mean)
    total = sum(scales.share(EVERY, rows[part], used[part], block, mean) for part in parts)
    np.testing.assert_allclose(total, whole, rtol=1e-4, atol=1e-3 * np.abs(whole).max())
    patterns = passes(rows, used, mean, 4)
    sums = [
        ScaleSums.of(*scale_scores(EVERY, rows[part], used[part], patterns, mean), labels[None, part], 3)
        for part in parts
    ]
    both = ScaleSums.of(*scale_scores(EVERY, rows, used, patterns, mean), labels[None], 3)
    added = sums[0] + sums[1]
    assert added.shards == 2
    np.testing.assert_allclose(added.cross, both.cross, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(added.energy, both.energy, rtol=1e-6)


def test_a_scale_with_fewer_columns_than_patterns_keeps_as_many_as_it_has():
    bands = select(WaveletTransform("haar", "periodization", 2, 8, 8).shapes, 1, "all", "")
    every = families(bands, 1)
    rows = np.random.default_rng(0).standard_normal((50, 64)).astype(np.float32)
    used, mean = np.ones(50, np.bool_), rows.mean(axis=0, dtype=np.float64)
    patterns = passes(rows, used, mean, 10, every)
    sums = ScaleSums.of(*scale_scores(every, rows, used, patterns, mean), np.arange(50)[None] % 2, 2)
    counts = [row.patterns for row in statistics(sums, grouped=False)]
    assert counts == [10, 10, 4, 4, 4, 4, 10, 10, 10]
    first = [row.captured for row in statistics(sums, grouped=False)][2]
    assert first == pytest.approx(1, rel=1e-5)


def test_a_scale_without_energy_has_no_learnability():
    rows, labels = rows_of()
    rows[:, BANDS[-1].start :] = 0.25
    used, mean = np.ones(120, np.bool_), rows.mean(axis=0, dtype=np.float64)
    patterns = passes(rows, used, mean, 4)
    sums = ScaleSums.of(*scale_scores(EVERY, rows, used, patterns, mean), labels[None], 3)
    by_scale = dict(zip([scale for family in EVERY for scale in family], statistics(sums, grouped=False), strict=True))
    row = next(row for scale, row in by_scale.items() if (scale.level, scale.orientation) == (1, "HH"))
    assert row.patterns == 0
    assert np.isnan(row.learnability)


@given(st.integers(1, 100), st.integers(2, 10**6), st.integers(1, 50_000), st.integers(1, 100))
@settings(max_examples=50, deadline=None)
def test_sums_stay_within_the_budget_for_any_number_of_classes(count, fitted, classes, permutations):
    rank = patterns_of_scales(count, fitted, classes, permutations)
    assert 0 <= rank <= MOST_PATTERNS
    assert 8 * classes * (permutations + 1) * count * rank <= BUDGET
    assert patterns_of_scales(0, fitted, classes, permutations) == 0
