import datetime as dt

import pyarrow as pa
import pytest

from tasks.columns.kinds import FEW, kind_of, plain_values


def column(values, kind=None):
    return pa.chunked_array([values[:1], values[1:]], kind or pa.array(values).type)


@pytest.mark.parametrize(
    ("values", "kind", "plain"),
    [
        (["a", " ", "", None, "a"], "categorical", ["a", None, None, None, "a"]),
        ([True, None, False], "categorical", [True, None, False]),
        ([3, 1, None], "categorical", [3, 1, None]),
        (list(range(FEW + 1)), "number", list(range(FEW + 1))),
        ([0.5, float("nan")], "number", [0.5, None]),
        (["1", "-2", ""], "categorical", [1, -2, None]),
        (["1.5", "2e3", ".5"], "number", [1.5, 2000, 0.5]),
        (["007", "12"], "categorical", ["007", "12"]),
        (["1", "x"], "categorical", ["1", "x"]),
        ([".", "-"], "categorical", [".", "-"]),
        (["99999999999999999999", "1"], "number", [1e20, 1]),
        (["2026-11-30", "2026-13-99"], "categorical", ["2026-11-30", "2026-13-99"]),
        ([["a"], ["a", "b"]], "labels", [["a"], ["a", "b"]]),
        ([{"a": 1}, {"a": 2}], "other", [{"a": 1}, {"a": 2}]),
    ],
)
def test_what_values_are(values, kind, plain):
    found = plain_values(column(values))
    assert (kind_of(found), found.to_pylist()) == (kind, plain)


def test_text_of_dates_is_read_as_dates():
    found = plain_values(column(["2026-11-30", "2026-01-02"]))
    assert (kind_of(found), str(found[1].as_py())) == ("date", "2026-01-02 00:00:00")


def test_a_time_with_a_zone_is_a_date():
    found = plain_values(column(["2026-11-30T10:00:00Z", "2026-11-30T11:00:00Z"]))
    assert kind_of(found) == "date"
    assert found[0].as_py() == dt.datetime(2026, 11, 30, 10, tzinfo=dt.UTC)


def test_a_dictionary_is_read_as_its_values():
    found = plain_values(column(["x", "y"]).dictionary_encode())
    assert (found.type, kind_of(found)) == (pa.string(), "categorical")
