"""Gates: limits on the change from one run to the next, above which an audit fails."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from storage.errors import InputError
from storage.tables.schemas import COMPARISONS

GATE = re.compile(r"([a-z_]+)(>=|>)([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")


@dataclass(frozen=True)
class Gate:
    """A gate such as learnability_drop>0.01. A comparison for which the relation holds fails.

    Attributes
    ----------
    name
        Bounded quantity, a column of the table compared_runs.
    relation
        `>` or `>=`.
    limit
        Bound, as the user wrote it.
    """

    name: str
    relation: str
    limit: str

    def __str__(self) -> str:
        return f"{self.name}{self.relation}{self.limit}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a gate that a user wrote.

        Raises
        ------
        InputError
            If the text is not a gate.
        """
        match, names = GATE.fullmatch("".join(text.split())), COMPARISONS["compared_runs"].names
        if match is None or match[1] not in names:
            raise InputError(f"{text!r} is not a gate: use NAME>NUMBER with one of the names {', '.join(names)}.")
        return cls(*match.groups())

    def passes(self, summary: Mapping[str, float]) -> bool:
        """Whether a comparison is within the bound. An unknown value (NaN, or of an earlier version) is not."""
        value, limit = summary.get(self.name, math.nan), float(self.limit)
        return value < limit if self.relation == ">=" else value <= limit


def gate_failure(gates: Sequence[Gate], summary: Mapping[str, float], before: str, after: str) -> str | None:
    """Name each gate that a comparison fails, with its value, in one sentence; None if it passes all.

    Parameters
    ----------
    gates
        The gates.
    summary
        Change of each quantity, by name.
    before, after
        Ids of the two runs.
    """
    failed = [f"{gate} ({_value(summary.get(gate.name, math.nan))})" for gate in gates if not gate.passes(summary)]
    return f"Run {after} fails the gate {', '.join(failed)} against run {before}." if failed else None


def _value(value: float) -> str:
    return "it is unknown" if math.isnan(value) else f"it is {value:.4g}"
