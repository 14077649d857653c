import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tasks.statistics.fences import REACH, Fences, severity

VALUES = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6))


@given(VALUES, st.sampled_from([-1, 1]))
def test_half_of_the_values_are_within_the_quartiles(values, side):
    deviation = Fences.of(values).deviation(values, side)
    assert (deviation >= 0).all()
    assert (deviation > 1 + 1e-9).sum() <= len(values) / 4 + 1 or np.isinf(deviation).any()


@given(VALUES, st.floats(0.1, 10), st.floats(-100, 100))
def test_deviations_are_the_same_in_other_units(values, unit, zero):
    spread = np.ptp(values)
    if spread < 1e-3:
        return
    found, other = (Fences.of(each).deviation(each, 1) for each in (values, values * unit + zero))
    finite = np.isfinite(found) & np.isfinite(other) & (found < 1e6)
    np.testing.assert_allclose(other[finite], found[finite], rtol=1e-3, atol=1e-3)


def test_of_normal_values_one_in_38000_is_far_out_on_each_side():
    values = np.random.default_rng(2).normal(3, 5, 400_000)
    fences = Fences.of(values)
    for side in (-1, 1):
        assert 3 <= (fences.deviation(values, side) > REACH).sum() <= 22  # 10.4 expected


def test_each_side_has_its_own_scale():
    fences = Fences(-1.0, 0.0, 3.0)
    assert fences.deviation(np.array([-2.0, 0.0, 6.0]), -1).tolist() == [2, 0, 0]
    assert fences.deviation(np.array([-2.0, 0.0, 6.0]), 1).tolist() == [0, 0, 2]


def test_unknown_values_never_stand_out():
    values = np.array([np.nan, 1.0, 2.0, 3.0])
    assert Fences.of(values).deviation(values, 1)[0] == 0
    assert not Fences.of(values[:1]).deviation(values, 1).any()


def test_a_value_that_differs_from_equal_ones_is_infinitely_far_out():
    values = np.array([5.0] * 9 + [6.0])
    assert Fences.of(values).deviation(values, 1).tolist() == [0] * 9 + [np.inf]


def test_severity_begins_at_a_half():
    found = severity(np.array([0, REACH, REACH * (1 + 1e-9), 2 * REACH, np.inf]))
    assert found == pytest.approx([0, 0, 0.5, 0.75, 1])
