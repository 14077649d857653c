import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.planning.plan import patterns_of_scales
from tasks.statistics.scales import ScaleResults, ScaleSums, statistics
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


def decomposed(rows, used, mean, rank, every=EVERY, *, chosen=None, away=0.0):
    """Patterns of all scales and their products, as the pipeline computes them about a guess of the mean."""
    chosen = scales.parts(every) if chosen is None else chosen
    own = rows[used]
    blocks = scales.first_blocks(chosen, own[::2] - own[::2].mean(axis=0), seed=1)
    total = scales.share(chosen, rows, used, blocks, mean - away)
    error = np.full(rows.shape[1], away)
    return scales.leading_patterns(every, chosen, blocks, total, rank=rank, rows=int(used.sum()), error=error)


def results(rows, used, mean, labellings, classes, found, every=EVERY, *, chosen=None):
    """Sums and residuals over some rows, as the pipeline computes them."""
    chosen, (patterns, images) = scales.parts(every) if chosen is None else chosen, found
    scores = scales.scores(every, rows, patterns, mean)
    own = [values[used].astype(np.float64) for values in scores]
    squares = np.array([(values**2).sum(axis=0) for values in own])
    sums = ScaleSums.of(own, squares, labellings, classes)
    share = scales.images_by_blocks(every, chosen, rows, used, scores, mean)
    residuals = scales.residuals(every, chosen, patterns, images, share, squares)
    energies = ((rows[used] - mean) ** 2).sum(axis=0)
    own_energies = np.array([energies[scale.columns].sum() for family in every for scale in family])
    return ScaleResults(sums, own_energies, residuals)


ALL_BLOCKS = [scales.Part(scale.start, scale.stop, min(64, scale.stop - scale.start)) for f in EVERY for scale in f]


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


@pytest.mark.parametrize("chosen", [None, ALL_BLOCKS], ids=["cheapest", "blocks"])
def test_each_scale_equals_the_exact_decomposition_of_its_columns(chosen):
    rows, labels = rows_of()
    used = np.arange(120) % 7 > 0
    rows[~used] = np.nan
    mean = rows[used].mean(axis=0, dtype=np.float64)
    patterns, images = decomposed(rows, used, mean, 6, chosen=chosen, away=0.01)
    labellings = np.stack([labels, np.random.default_rng(2).permutation(labels)])[:, used]
    found = results(rows, used, mean, labellings, 3, (patterns, images), chosen=chosen)
    assert np.nanmax(found.residuals) < 1e-3
    flat = [(number, scale) for number, family in enumerate(EVERY) for scale in family]
    for (number, scale), row in zip(flat, statistics(found, grouped=False), strict=True):
        own = rows[used][:, scale.columns].astype(np.float64)
        _, values, vectors, energy = naive.svd(own, 6)
        np.testing.assert_allclose(np.abs((patterns[number, scale.columns].T * vectors).sum(axis=1)), 1, atol=1e-4)
        scores = (own - own.mean(axis=0)) @ vectors.T
        assert row.patterns == 6
        assert row.energy == pytest.approx(energy, rel=1e-5)
        assert row.captured == pytest.approx((values**2).sum() / energy, rel=1e-5)
        assert row.learnability == pytest.approx(naive.learnability(scores, labellings[0]), rel=1e-3)
        assert row.shuffled[0] == pytest.approx(naive.learnability(scores, labellings[1]), rel=1e-3)
        assert row.expected == pytest.approx(6 / (used.sum() - 1))


def test_small_scales_have_gram_matrices_that_hold_those_within():
    chosen = scales.parts(EVERY)
    assert [(part.start, part.stop, part.width) for part in chosen] == [
        (48, 192, None),  # details of level 2, with their bands and channels
        (192, 768, None),
        (0, 48, None),
    ]
    assert scales.share_size(chosen) == 144**2 + 576**2 + 48**2
    assert scales.operations(chosen) == scales.share_size(chosen)
    large = families(select(WaveletTransform("haar", "periodization", 2, 64, 64).shapes, 3, "all", ""), 3)
    with_block = [part for part in scales.parts(large) if part.width]
    assert [part.shape for part in with_block] == [(2304, 64), (9216, 64), *[(3072, 64)] * 3, *[(1024, 64)] * 9]


def test_blocks_of_large_images_are_narrower():
    huge = families(select(WaveletTransform("haar", "periodization", 2, 224, 224).shapes, 3, "all", ""), 3)
    assert {part.width for part in scales.parts(huge)} == {24}
    assert scales.parts([]) == []


@given(st.integers(3, 9), st.sampled_from([1, 3]), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_every_scale_comes_from_a_part_and_gram_matrices_are_bounded(power, channels, level):
    shapes = WaveletTransform("haar", "periodization", level, 2**power, 2**power).shapes
    every = families(select(shapes, channels, "all", ""), channels)
    chosen = scales.parts(every)
    assert max((part.shape[0] for part in chosen if part.width is None), default=0) <= scales.LARGEST
    for scale in (scale for family in every for scale in family):
        size = scale.stop - scale.start
        assert any(part.holds(scale) and (part.width is None or part.shape[0] == size) for part in chosen)


def test_residuals_of_blocks_and_gram_matrices_are_those_of_the_definition():
    rows, labels = rows_of()
    used, mean = np.ones(120, np.bool_), rows.mean(axis=0, dtype=np.float64)
    mixed = [ALL_BLOCKS[1]._replace(width=8), *(part for part in scales.parts(EVERY) if part.start != 192)]
    mixed += [part for part in ALL_BLOCKS[2:] if part.start >= 192]
    patterns, images = decomposed(rows, used, mean, 6, chosen=mixed)
    found = results(rows, used, mean, labels[None], 3, (patterns, images), chosen=mixed)
    flat = [(number, scale) for number, family in enumerate(EVERY) for scale in family]
    for (number, scale), residual in zip(flat, found.residuals, strict=True):
        own, vectors = rows[:, scale.columns] - mean[scale.columns], patterns[number, scale.columns].astype(np.float64)
        squares = ((own @ vectors) ** 2).sum(axis=0)
        exact = np.linalg.norm(own.T @ (own @ vectors) - vectors * squares, axis=0) / squares
        assert residual == pytest.approx(exact.max(), rel=1e-2, abs=1e-5)
    assert found.residuals[1] > 1e-3  # too few columns to be exact


def test_shares_and_sums_add_up():
    rows, labels = rows_of()
    used, mean = np.ones(120, np.bool_), rows.mean(axis=0, dtype=np.float64)
    blocks = scales.first_blocks(ALL_BLOCKS, rows - rows.mean(axis=0), seed=1)
    parts = [slice(0, 50), slice(50, 120)]
    for chosen, own in ((ALL_BLOCKS, blocks), (scales.parts(EVERY), np.empty(0, np.float32))):
        whole = scales.share(chosen, rows, used, own, mean)
        total = sum(scales.share(chosen, rows[part], used[part], own, mean) for part in parts)
        np.testing.assert_allclose(total, whole, rtol=1e-4, atol=1e-3 * np.abs(whole).max())
    found = decomposed(rows, used, mean, 4)
    sums = [results(rows[part], used[part], mean, labels[None, part], 3, found).sums for part in parts]
    both, added = results(rows, used, mean, labels[None], 3, found).sums, sums[0] + sums[1]
    np.testing.assert_allclose(added.cross, both.cross, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(added.squares, both.squares, rtol=1e-6)


def test_without_scales_nothing_is_multiplied():
    rows, labels = rows_of()
    used, mean = np.ones(120, np.bool_), rows.mean(axis=0, dtype=np.float64)
    assert scales.share([], rows, used, np.empty(0, np.float32), mean).shape == (0,)
    found = decomposed(rows, used, mean, 0, every=[])
    assert ScaleSums.of([], np.empty((0, 0)), labels[None], 3).cross.shape == (0, 0, 0)
    assert found[0].shape == (0, 768, 0)


def test_a_scale_with_fewer_columns_than_patterns_keeps_as_many_as_it_has():
    bands = select(WaveletTransform("haar", "periodization", 2, 8, 8).shapes, 1, "all", "")
    every = families(bands, 1)
    rows = np.random.default_rng(0).standard_normal((50, 64)).astype(np.float32)
    used, mean = np.ones(50, np.bool_), rows.mean(axis=0, dtype=np.float64)
    found = results(rows, used, mean, np.arange(50)[None] % 2, 2, decomposed(rows, used, mean, 10, every), every)
    table = statistics(found, grouped=False)
    assert [row.patterns for row in table] == [10, 10, 4, 4, 4, 4, 10, 10, 10]
    assert table[2].captured == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("chosen", [None, ALL_BLOCKS], ids=["cheapest", "blocks"])
def test_a_scale_without_energy_has_no_learnability(chosen):
    rows, labels = rows_of()
    rows[:, BANDS[-1].start :] = 0.25
    used, mean = np.ones(120, np.bool_), rows.mean(axis=0, dtype=np.float64)
    patterns = decomposed(rows, used, mean, 4, chosen=chosen)
    found = results(rows, used, mean, labels[None], 3, patterns, chosen=chosen)
    by_scale = dict(zip([scale for family in EVERY for scale in family], statistics(found, grouped=False), strict=True))
    row = next(row for scale, row in by_scale.items() if (scale.level, scale.orientation) == (1, "HH"))
    assert row.patterns == 0
    assert np.isnan(row.learnability)
    assert np.isnan(row.residual)


@given(st.integers(1, 100), st.integers(2, 10**6), st.integers(1, 50_000), st.integers(1, 100))
@settings(max_examples=50, deadline=None)
def test_sums_stay_within_the_budget_for_any_number_of_classes(count, fitted, classes, permutations):
    rank = patterns_of_scales(count, fitted, classes, permutations)
    assert 0 <= rank <= scales.PATTERNS
    assert 8 * classes * (permutations + 1) * count * rank <= BUDGET
    assert patterns_of_scales(0, fitted, classes, permutations) == 0
