"""Exact quantiles without holding the numbers in memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.statistics.quantiles import quantiles
from tests.measure_memory import peak_since_reset

NUMBERS = st.floats(width=32, allow_nan=False)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40), st.integers(2, 12), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_quantiles_are_numbers_of_the_sorted_columns(rows, parts, cut):
    values = np.array(rows, np.float32)
    found = quantiles(lambda: [values[:cut], values[cut:]], parts)
    expected = np.sort(values, axis=0)[[len(values) * part // parts for part in range(1, parts)]]
    np.testing.assert_array_equal(found, expected)


def test_many_numbers_take_no_memory():
    def blocks():
        for number in range(60):
            yield np.random.default_rng(number).standard_normal((20_000, 4), dtype=np.float32)

    quantiles(lambda: [np.zeros((20_000, 4), np.float32)], 10)
    before = peak_since_reset() and peak_since_reset()
    found = quantiles(blocks, 10)
    assert peak_since_reset() - before < 20 * 2**20  # of 18 MiB, and six times that were all held and sorted
    np.testing.assert_allclose(found[4], 0, atol=0.01)
    np.testing.assert_allclose(found[0], -1.2816, atol=0.01)


def test_no_numbers_are_refused():
    with pytest.raises(ValueError, match="no numbers"):
        quantiles(list, 10)
