from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.svd import products
from tasks.svd.krylov import (
    NOISE,
    eigenpairs,
    eigenvectors,
    filled_up,
    images_of,
    movement,
    nystrom,
    orthonormalise,
    principal_axes,
    random_block,
    rank_for,
    sample_block,
    with_fixed_signs,
)
from tasks.svd.products import Moments, centred, combine, energies, gram, kernel, multiply, project, recentred
from tests import naive
from tests.strategies import seeds


def decaying(n, p, decay, seed=0, offset=0.0):
    """A float32 matrix whose centred singular values fall as decay**j, moved away from the origin by `offset`."""
    random = np.random.default_rng(seed)
    left = random.standard_normal((n, min(n, p)))
    left = np.linalg.qr(left - left.mean(axis=0))[0]
    right = np.linalg.qr(random.standard_normal((p, min(n, p))))[0]
    values = 100.0 * decay ** np.arange(min(n, p))
    return ((left * values) @ right.T + offset).astype(np.float32)


def start_block(coefficients, width, seed=0):
    return orthonormalise(random_block(coefficients, width, seed), [])


def decompose(matrix, rank, passes=4, oversample=20, *, centre=True, cuts=(), block=None):
    """The whole decomposition as the pipeline does it, in memory: singular values, patterns, energy, residuals."""
    used = np.ones(len(matrix), dtype=bool)
    shards = [(part, mask) for part, mask in zip(np.split(matrix, cuts), np.split(used, cuts), strict=True)]
    shift = matrix[:: len(matrix) // 20].mean(axis=0) if centre else np.zeros(matrix.shape[1], np.float32)
    shift = shift.astype(np.float64)
    moments = sum((Moments.of(*shard, shift) for shard in shards[1:]), Moments.of(*shards[0], shift))
    mean = shift + moments.mean if centre else shift
    bases = [start_block(matrix.shape[1], min(rank + oversample, matrix.shape[1])) if block is None else block]
    first = sum(multiply(part, mask, bases[0], shift) for part, mask in shards)
    products = [recentred(first, bases[0], moments.rows, mean - shift)]
    for _ in range(passes):
        patterns = eigenvectors(products, nystrom(bases, products)[1][:, :rank])
        columns = np.ascontiguousarray(patterns.T)
        room = matrix.shape[1] - sum(basis.shape[1] for basis in bases)
        bases.append(orthonormalise(columns.astype(np.float64), bases)[:, :room])
        products.append(sum(multiply(part, mask, bases[-1], mean) for part, mask in shards))
    scores = project(matrix, columns, mean).astype(np.float64)
    squares = (scores**2).sum(axis=0)
    residuals = np.linalg.norm(images_of(columns, bases, products) - columns * squares, axis=0) / squares
    energy = float((moments.energies if centre else moments.column_squares).sum())
    return np.sqrt(squares), patterns, energy, residuals


@given(st.integers(30, 120), st.integers(10, 60), st.integers(1, 8), seeds, st.booleans(), st.data())
@settings(max_examples=60, deadline=None)
def test_equals_exact_svd(n, p, rank, seed, centre, data):
    matrix = decaying(n, p, decay=0.8, seed=seed, offset=1.0)
    cuts = sorted(data.draw(st.lists(st.integers(1, n - 1), max_size=3, unique=True)))
    values, patterns, energy, _ = decompose(matrix, rank, centre=centre, cuts=cuts)
    _, expected, vectors, total = naive.svd(matrix, rank, centre=centre)
    np.testing.assert_allclose(values, expected, rtol=2e-6)
    np.testing.assert_allclose(np.abs((patterns * vectors).sum(axis=1)), 1, atol=1e-4)
    assert energy == pytest.approx(total, rel=1e-9)


def test_small_singular_values_far_below_the_mean_survive():
    """Unnormalised powers of the Gram matrix lose them in float32, whatever the oversampling."""
    rank = 40
    matrix = decaying(2000, 300, decay=0.85, offset=3.0)
    exact = naive.svd(matrix, rank)[1]
    values, _, _, _ = decompose(matrix, rank)
    assert np.abs(values / exact - 1).max() <= 1e-4

    start = np.random.default_rng(0).standard_normal((300, rank + 20)).astype(np.float32)
    centred = matrix - matrix.mean(axis=0)
    for _ in range(2):
        start = centred.T @ (centred @ start)
    powers = np.linalg.svd(centred @ np.linalg.qr(start)[0], compute_uv=False)[:rank]
    assert np.abs(powers / exact - 1).max() > 0.05


def test_a_sample_saves_passes():
    """A quarter of the rows, and four columns a pattern: one pass is better than three from a random block."""
    matrix = decaying(4000, 300, decay=0.97, offset=3.0)
    sample = matrix[np.random.default_rng(1).permutation(4000)[:1000]]
    block = sample_block(sample - sample.mean(axis=0), 64, seed=0)
    np.testing.assert_allclose(block.T @ block, np.eye(64), atol=1e-6)
    exact = naive.svd(matrix, 16)[1]
    values, _, _, residuals = decompose(matrix, 16, passes=1, block=block)
    assert np.abs(values / exact - 1).max() < 1e-4
    assert residuals.max() < 0.01
    assert decompose(matrix, 16, passes=1)[3].max() > 0.1
    assert decompose(matrix, 16, passes=2)[3].max() > residuals.max()


def test_residuals_are_those_of_the_definition():
    matrix = decaying(500, 80, decay=0.95, offset=1.0)
    _, patterns, _, residuals = decompose(matrix, 12, passes=2, oversample=4)
    away = matrix.astype(np.float64) - matrix.mean(axis=0, dtype=np.float64)
    squares = ((away @ patterns.T) ** 2).sum(axis=0)
    exact = np.linalg.norm(away.T @ (away @ patterns.T) - patterns.T * squares, axis=0) / squares
    np.testing.assert_allclose(residuals, exact, rtol=1e-3, atol=1e-6)


def test_further_passes_keep_lowering_the_residual_in_float32():
    """Multiplying the patterns themselves instead of what they add spoilt all of them in the third pass."""
    matrix = decaying(3000, 200, decay=0.97, offset=3.0)
    worst = [decompose(matrix, 20, passes=passes, oversample=10)[3].max() for passes in (1, 2, 3, 4, 5)]
    assert all(later < 0.5 * earlier for earlier, later in pairwise(worst[:4]))
    assert worst[-1] < 1e-3


def test_a_sample_without_images_or_directions_is_filled_up_with_random_columns():
    for sample in (np.empty((0, 30), np.float32), np.zeros((5, 30), np.float32), decaying(3, 30, decay=0.9)):
        block = sample_block(sample, 8, seed=0)
        assert block.shape == (30, 8)
        np.testing.assert_allclose(block.T @ block, np.eye(8), atol=1e-6)
    assert sample_block(decaying(50, 6, decay=0.9), 8, seed=0).shape == (6, 6)
    block = start_block(30, 4)
    assert filled_up(block, 4, seed=1) is block


def test_exact_when_the_blocks_span_everything():
    matrix = decaying(200, 24, decay=0.9)
    values, patterns, _, _ = decompose(matrix, rank=20, oversample=20)
    np.testing.assert_allclose(values, naive.svd(matrix, 20)[1], rtol=1e-6)
    np.testing.assert_allclose(patterns @ patterns.T, np.eye(20), atol=1e-6)


def test_constant_columns_and_duplicated_rows_lower_the_rank():
    matrix = np.repeat(decaying(12, 30, decay=0.9), 20, axis=0)
    matrix[:, 7] = 0.25
    _, patterns, _, _ = decompose(matrix, rank=20)
    assert len(patterns) == 11  # 12 distinct rows, less the mean


def test_unused_rows_do_not_count():
    matrix = decaying(50, 20, decay=0.9)
    used = np.arange(50) % 3 != 0
    spoilt = np.where(used[:, None], matrix, np.nan)
    basis = start_block(20, 5, seed=1)
    mean = matrix[used].mean(axis=0, dtype=np.float64)
    expected = multiply(matrix[used], np.ones(used.sum(), dtype=bool), basis, mean)
    np.testing.assert_allclose(multiply(spoilt, used, basis, mean), expected, rtol=1e-5, atol=1e-3)


def test_rows_that_hardly_differ_are_centred_before_they_are_multiplied():
    """60,000 of 65,535 levels, and noise of 12: in float32 the product with the mean drowned a hundredth of it."""
    random = np.random.default_rng(0)
    rows = (3.66 + 1e-4 * random.standard_normal((64, 200))).astype(np.float32)
    exact, mean = rows.astype(np.float64), rows.mean(axis=0, dtype=np.float64)
    basis = np.linalg.qr(random.standard_normal((200, 5)))[0].astype(np.float32)
    expected = (exact - mean) @ basis.astype(np.float64)
    error = {}
    for name, (own, left) in {"before": centred(rows.copy(), mean), "after": (rows.copy(), mean)}.items():
        error[name] = np.abs(project(own, basis, left) - expected).max() / expected.std()
    assert error["before"] < 1e-5
    assert error["after"] > 1e-3
    spoilt = rows.copy()
    spoilt[::3] = np.nan
    centred(spoilt, mean)
    np.testing.assert_allclose(spoilt[1], rows[1] - mean, atol=1e-6)
    far = random.standard_normal((64, 200)).astype(np.float32)
    assert centred(far, np.ones(200))[0] is far
    assert np.isnan(centred(np.full((3, 2), np.nan, np.float32), np.ones(2))[0]).all()


def test_moments_are_summed_in_float64():
    rows = np.full((5000, 4), 0.1, np.float32)
    moments = Moments.of(rows, np.ones(5000, dtype=bool), np.zeros(4))
    exact = float(np.float32(0.1))
    np.testing.assert_allclose(moments.column_squares, 5000 * exact**2, rtol=1e-12)
    np.testing.assert_allclose(moments.column_sum, 5000 * exact, rtol=1e-12)


def test_householder_takes_over_where_cholesky_breaks_down():
    random = np.random.default_rng(0)
    block = random.standard_normal((50, 6))
    block[:, 3] = block[:, 1] + 1e-11 * random.standard_normal(50)
    block[:, 4] = block[:, 0]
    basis = orthonormalise(block.copy(), [])
    assert basis.shape[1] in {4, 5}
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-6)
    # What the block spans is still there.
    residual = block - basis @ (basis.T @ block)
    assert np.abs(residual).max() < 1e-5


def test_orthonormalise_gives_nothing_when_nothing_is_new():
    basis = start_block(30, 4)
    assert orthonormalise(np.zeros((30, 2)), [basis]).shape == (30, 0)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_blocks_stay_orthogonal_to_all_before(seed):
    random = np.random.default_rng(seed)
    first = orthonormalise(random.standard_normal((60, 8)), [])
    second = orthonormalise(random.standard_normal((60, 8)) * 10.0 ** -np.arange(8), [first])
    both = np.concatenate([first, second], axis=1)
    np.testing.assert_allclose(both.T @ both, np.eye(16), atol=1e-6)


def test_random_block_depends_on_the_seed_alone():
    assert np.array_equal(random_block(5000, 3, seed=4), random_block(5000, 3, seed=4))
    assert not np.array_equal(random_block(5000, 3, seed=4), random_block(5000, 3, seed=5))


def test_largest_entries_are_positive():
    fixed = with_fixed_signs(np.array([[1.0, -3.0], [2.0, 0.5]]))
    assert fixed.tolist() == [[-1.0, 3.0], [2.0, 0.5]]


@given(st.integers(2, 60), st.integers(2, 60), seeds)
@settings(max_examples=30, deadline=None)
def test_products_equal_their_definitions(n, p, seed):
    random = np.random.default_rng(seed)
    rows = random.standard_normal((n, p)).astype(np.float32) + 2
    used = random.random(n) < 0.7
    mean = random.standard_normal(p)
    exact = rows[used] - mean
    weights = random.standard_normal((int(used.sum()), 3)).astype(np.float32)
    spoilt = np.where(used[:, None], rows, np.nan)
    np.testing.assert_allclose(gram(spoilt, used, mean), exact.T @ exact, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(combine(spoilt, used, weights, mean), exact.T @ weights, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(kernel(rows[used], rows, mean), exact @ (rows - mean).T, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", [40, 1200])
def test_eigenpairs_of_a_matrix_in_memory(size):
    """Below and above the size that is decomposed completely."""
    matrix = decaying(2 * size, size, decay=0.9 if size == 40 else 0.99)
    exact = matrix.astype(np.float64)
    square = exact.T @ exact
    expected = np.linalg.eigvalsh(square)[::-1]
    values, vectors = eigenpairs(square, 10, None, seed=0)
    np.testing.assert_allclose(values, expected[:10], rtol=1e-9)
    np.testing.assert_allclose(square @ vectors.T, vectors.T * values, atol=1e-5 * values[0])
    by_energy, _ = eigenpairs(square, None, 0.5, seed=0)
    assert np.cumsum(by_energy)[-1] >= 0.5 * np.trace(square) > np.cumsum(by_energy)[-2]


def test_eigenpairs_stop_at_the_numerical_rank():
    matrix = decaying(30, 20, decay=0.9)[:6].astype(np.float64)
    values, vectors = eigenpairs(matrix.T @ matrix, 10, None, seed=0)
    assert len(values) == len(vectors) == 6
    assert values[-1] > NOISE * values[0]


def test_rank_for_energy_and_movement():
    values = np.array([4.0, 3.0, 2.0, 1.0])
    assert [rank_for(energy, values, 10.0) for energy in (0.4, 0.41, 0.7, 1.0)] == [1, 2, 2, 4]
    assert rank_for(0.95, values[:3], 10.0) is None
    assert movement(values, values * 1.21, 4) == pytest.approx(1 - 1 / 1.1)
    assert movement(values, values[:2], 3) == np.inf


def test_huge_dynamic_range_gives_what_float32_holds_and_no_more():
    matrix = decaying(300, 80, decay=0.3)
    values, patterns, _, _ = decompose(matrix, rank=40)
    exact = naive.svd(matrix, 40)[1]
    assert 5 <= len(patterns) < 10  # 0.3^6 is 7e-4, the square root of float32's rounding
    np.testing.assert_allclose(values, exact[: len(values)], rtol=5e-3)


@given(rows=st.integers(2, 60), columns=st.integers(1, 40), seed=st.integers(0, 99))
def test_principal_axes_are_those_of_the_sample(rows, columns, seed):
    random = np.random.default_rng(seed)
    sample = (random.standard_normal((rows, columns)) * 0.7 ** np.arange(columns)).astype(np.float32)
    count = random.integers(1, columns + 1)
    axes = principal_axes(sample, count, seed)
    np.testing.assert_allclose(axes.T @ axes, np.eye(count), atol=1e-5)
    # A block of all rows or columns spans all that there is, so values are exact as far as float32 is.
    exact = np.linalg.svd(sample.astype(np.float64), compute_uv=False)
    found = np.linalg.norm(sample @ axes, axis=0)
    known = min(count, len(exact), 30)
    np.testing.assert_allclose(found[:known], exact[:known], rtol=1e-3, atol=1e-5 * exact[0])
    assert np.array_equal(axes, principal_axes(sample, count, seed))


def test_energies_are_squared_distances_from_the_mean(monkeypatch):
    monkeypatch.setattr(products, "CAST_BYTES", 4 * 7 * 16)  # 16 rows at once, of 50
    rows, mean = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32), np.arange(7.0)
    rows[20] = np.nan
    np.testing.assert_allclose(energies(rows, mean), ((rows - mean) ** 2).sum(axis=1), rtol=1e-5)
