import pytest

from tasks.wavelet.bands import select
from tasks.wavelet.transform import WaveletTransform

SHAPES = WaveletTransform("haar", "periodization", 2, 8, 12).shapes


def chosen(terms, weights=""):
    return [f"{band.orientation}{band.level}" for band in select(SHAPES, 3, terms, weights)]


def test_terms_name_bands():
    assert chosen("all") == ["LL2", "LH2", "HL2", "HH2", "LH1", "HL1", "HH1"]
    assert chosen("details") == chosen("all")[1:]
    assert chosen("LL") == chosen("LL2") == ["LL2"]
    assert chosen("2") == ["LH2", "HL2", "HH2"]
    assert chosen("HH") == ["HH2", "HH1"]
    assert chosen("HH1,LL,2") == ["LL2", "LH2", "HL2", "HH2", "HH1"]


def test_columns_are_side_by_side():
    bands = select(SHAPES, 3, "LL,HH1", "")
    assert [(band.start, band.stop) for band in bands] == [(0, 3 * 2 * 3), (18, 18 + 3 * 4 * 6)]
    assert select(SHAPES, 3, "all", "")[-1].stop == 8 * 12 * 3


def test_the_last_weight_that_applies_counts():
    bands = select(SHAPES, 1, "all", "details=3,2=0.5")
    assert [band.weight for band in bands] == [1, 0.5, 0.5, 0.5, 3, 3, 3]


@pytest.mark.parametrize(("terms", "weights"), [("3", ""), ("LL1", ""), ("all", "HH3=2"), ("LL,XX", ""), ("", "")])
def test_a_band_that_is_not_there_is_refused(terms, weights):
    with pytest.raises(ValueError, match="among LL2, LH2, HL2, HH2, LH1, HL1, HH1: change --bands"):
        chosen(terms, weights)
