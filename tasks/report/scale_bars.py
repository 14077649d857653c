"""Name the scales that charts show, each with its learnability."""

from collections.abc import Iterable, Mapping
from typing import Any


def scale_bars(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """Choose and name rows of the table `scales`: bands of all channels, coarse to fine.

    Bands of scattering's order 2 are many, so these are taken together by the scale of their last wave.
    """
    second = 2
    return [
        (_name(row), row)
        for row in rows
        if row["channel"] is None
        and (row["orientation"] is None) == (row.get("order") == second)
        and row["level"] is not None
    ]


def _name(row: Mapping[str, Any]) -> str:
    if row["orientation"] is None:
        return f"S{row['order']} at {row['level']}"
    return f"{row['orientation']}{' at ' if row.get('order') else ''}{row['level']}"
