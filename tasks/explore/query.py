"""What a person asks the explorer for: which images, in which order."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, Self

from storage.errors import InputError


class Order(StrEnum):
    """What images are sorted by."""

    ROW = "row"
    SUSPICION = "suspicion"
    SEVERITY = "severity"
    PATTERN = "pattern"


class Query(NamedTuple):
    """Which images, in which order.

    Attributes
    ----------
    text
        Part of the key, in any case; empty for all.
    class_name, split, kind
        Name of the class, of the split, and of the kind of issue; None for all.
    column, value
        Name of a column, and what its value is: the value itself, or one of < <= > >= and a number or a date.
    order
        What images are sorted by; all but rows have the largest first.
    pattern
        Pattern whose scores images are sorted by.
    smallest
        Whether the smallest come first instead.
    """

    text: str = ""
    class_name: str | None = None
    split: str | None = None
    kind: str | None = None
    column: str | None = None
    value: str = ""
    order: Order = Order.ROW
    pattern: int = 0
    smallest: bool = False

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Self:
        """Read a query from the parameters of an address.

        Raises
        ------
        InputError
            If the order or the pattern is not possible.
        """
        order, pattern = given.get("order", Order.ROW), given.get("pattern", "0")
        if order not in set(Order):
            raise InputError(f"Images cannot be sorted by {order!r}; choose one of {', '.join(Order)}.")
        if not pattern.isdecimal():
            raise InputError(f"{pattern!r} is not the number of a pattern.")
        return cls(
            text=given.get("text", ""),
            class_name=given.get("class"),
            split=given.get("split"),
            kind=given.get("kind"),
            column=given.get("column"),
            value=given.get("value", "").strip(),
            order=Order(order),
            pattern=int(pattern),
            smallest=given.get("smallest") == "yes",
        )


class Limit(NamedTuple):
    """A comparison of a number or a time with a limit: less, less_equal, greater or greater_equal."""

    comparison: str
    limit: float | datetime

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a limit such as >= 12.5 or < 2024-05-01; None if the text is none. Times without a zone are UTC."""
        found = re.fullmatch(r"(<=|>=|<|>)\s*(\S.*)", text.strip())
        limit = _limit(found[2]) if found else None
        if found is None or limit is None:
            return None
        names = {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
        return cls(names[found[1]], limit)


def _limit(text: str) -> float | datetime | None:
    if re.fullmatch(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", text, re.IGNORECASE):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
