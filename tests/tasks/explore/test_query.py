from datetime import UTC, datetime

import pytest

from storage.errors import InputError
from tasks.explore.query import Limit, Order, Query


def test_parameters_of_an_address_are_a_query():
    given = {
        "text": "a",
        "class": "dog",
        "order": "pattern",
        "pattern": "3",
        "smallest": "yes",
        "column": "site",
        "value": " x ",
    }
    assert Query.parse(given) == Query(
        text="a", class_name="dog", order=Order.PATTERN, pattern=3, smallest=True, column="site", value="x"
    )
    assert Query.parse({}) == Query()


@pytest.mark.parametrize(
    ("given", "message"),
    [({"order": "beauty"}, "sorted by 'beauty'"), ({"pattern": "-1"}, "'-1' is not the number of a pattern")],
)
def test_what_is_not_possible_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        Query.parse(given)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("> 0.5", Limit("greater", 0.5)),
        ("<=-1e3", Limit("less_equal", -1000.0)),
        ("=1", None),
        ("0.5", None),
        ("> 2024-05-01", Limit("greater", datetime(2024, 5, 1, tzinfo=UTC))),
        ("<=2024-05-01T10:30+02:00", Limit("less_equal", datetime(2024, 5, 1, 8, 30, tzinfo=UTC))),
        ("> high", None),
        ("> 1.2.3", None),
        ("", None),
    ],
)
def test_limits(text, limit):
    assert Limit.parse(text) == limit
