import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.quality.kinds import FROM_ONE, KINDS, LOGARITHM, LOGIT, MEASURES


@pytest.mark.parametrize("scale", [LOGARITHM, FROM_ONE, LOGIT])
@given(st.floats(0, 1))
def test_scales_go_there_and_back(scale, value):
    assert scale.back(float(scale.to(np.float64(value)))) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("scale", [LOGARITHM, FROM_ONE, LOGIT])
def test_scales_ascend(scale):
    assert (np.diff(scale.to(np.linspace(0, 1, 50))) > 0).all()


def test_each_measure_has_a_sentence():
    sentences = [measure.sentence(0.5, 0.1, 0.2, 0.3) for measure in MEASURES]
    for sentence in sentences:
        assert sentence.startswith(("It", "Its", "99 %", "50 %", "Patterns"))
        assert sentence.endswith(".")
    assert len(set(sentences)) == len(MEASURES) - 2  # two measures have two sides


def test_kinds_are_those_of_the_documentation():
    assert KINDS == ("dark", "bright", "flat", "nearly empty", "blurred", "odd size", "outlier")
