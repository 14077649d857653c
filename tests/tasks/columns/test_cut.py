from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from tasks.columns.cut import cut
from tasks.columns.kinds import kind_of, plain_values
from tasks.columns.values import Column

EVERY = 100


def column(values):
    plain = plain_values(pa.chunked_array([values]))
    return Column("name", "dataset", kind_of(plain), plain)


def test_few_categories_stay_as_they_are():
    found = cut(column(["b", "a", None, "a"]), np.ones(4, bool), 5)
    assert found.names == ["a", "b"]
    assert found.codes.tolist() == [1, 0, -1, 0]
    assert (found.joined, found.fine) == (0, None)


def test_rarer_categories_are_joined_and_those_without_images_have_none():
    values = ["a"] * 9 + ["b"] * 5 + ["c"] * 3 + ["d"] * 2 + ["e", None]
    asked = np.array([value != "b" for value in values])
    found = cut(column(values), asked, 3)
    assert found.names == ["a", "c", "2 other values"]
    assert found.joined == 2
    assert found.codes[asked].tolist() == [0] * 9 + [1] * 3 + [2] * 3 + [-1]
    whole = cut(column(values), asked, 4)
    assert whole.names == ["a", "c", "d", "e"]
    assert set(whole.codes[~asked]) == {-1}


def test_numbers_are_cut_at_quintiles_of_the_images_asked():
    numbers = np.r_[np.arange(EVERY) / 2, 1e6]
    found = cut(column(numbers), np.arange(EVERY + 1) < EVERY, 32)
    assert np.bincount(found.codes[:EVERY]).tolist() == [19, 20, 20, 20, 21]
    assert found.codes[-1] == 4
    assert found.names == ["below 9.5", "9.5 to 19.5", "19.5 to 29.5", "29.5 to 39.5", "from 39.5"]
    assert found.fine.max() == EVERY - 1
    assert (np.diff(found.fine[:EVERY]) == 1).all()


def test_equal_numbers_are_never_parted():
    found = cut(column(np.repeat([0.5, 1.5, 2.5], [80, 15, 5])), np.ones(EVERY, bool), 32)
    assert np.bincount(found.codes).tolist() == [80, 20]
    assert found.names == ["below 1.5", "from 1.5"]
    assert cut(column(np.full(9, 2.5)), np.ones(9, bool), 32).names == ["all"]


def test_missing_numbers_have_no_value():
    found = cut(column(pa.array([1.5, None, 2.5, float("nan"), 3.5])), np.ones(5, bool), 32)
    assert (found.codes == -1).tolist() == [False, True, False, True, False]
    assert (found.fine == -1).tolist() == (found.codes == -1).tolist()


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.date32(), pa.timestamp("ns", "UTC")])
def test_dates_are_cut_by_day(kind):
    days = pa.array([datetime(2024, 1, 1 + day) for day in range(20)], pa.timestamp("us")).cast(kind)  # noqa: DTZ001
    found = cut(column(days), np.ones(20, bool), 32)
    assert found.names[0] == "below 2024-01-04"
    assert found.names[-1] == "from 2024-01-16"
    assert (np.diff(found.codes) >= 0).all()
    assert found.fine.tolist() == list(range(20))
