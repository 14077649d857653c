import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.statistics.concentration import concentration
from tests import simulator
from tests.strategies import seeds


@given(seeds, st.integers(16, 80), st.integers(16, 80), st.sampled_from([1, 3]))
def test_shares_equal_naive(seed, height, width, channels):
    image = np.random.default_rng(seed).standard_normal((height, width, channels)).astype(np.float32) ** 3
    found = concentration(image)
    energy = [[float((image[y, x].astype(np.float64) ** 2).sum()) for x in range(width)] for y in range(height)]
    total = sum(map(sum, energy))
    flat = sorted((value for row in energy for value in row), reverse=True)
    assert found.pixels == pytest.approx(sum(flat[: max(1, height * width // 100)]) / total)
    rows = sorted((sum(row) for row in energy), reverse=True)[: max(1, height // 32)]
    columns = sorted((sum(row[x] for row in energy) for x in range(width)), reverse=True)[: max(1, width // 32)]
    assert found.lines == pytest.approx(max(sum(rows), sum(columns)) / total)
    top, left = max(1, height // 32), max(1, width // 32)
    border = sum(
        energy[y][x]
        for y in range(height)
        for x in range(width)
        if not (top <= y < height - top and left <= x < width - left)
    )
    small = height * width - (height - 2 * top) * (width - 2 * left) <= height * width / 4
    assert found.border == pytest.approx(border / total if small else np.nan, nan_ok=True)


@pytest.mark.parametrize(
    ("where", "place"), [(simulator.PIXEL, 0), (simulator.COLUMN, 1), (simulator.COLUMN.T, 1), (simulator.BORDER, 2)]
)
def test_a_mark_has_all_its_energy_where_it_is(where, place):
    assert concentration(where[:, :, None].astype(np.float32))[place] == pytest.approx(1)


def test_in_small_images_a_line_or_the_border_is_no_small_part():
    found = concentration(np.ones((8, 8, 1), np.float32))
    assert found.pixels == pytest.approx(1 / 64)
    assert np.isnan([found.lines, found.border]).all()
    assert np.isnan(concentration(np.zeros((32, 32, 3), np.float32))).all()
