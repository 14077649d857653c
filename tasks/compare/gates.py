"""Gates: how much may change from one run to the next before somebody must look."""

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
    """A bound such as learnability_drop>0.01: a comparison that is above it fails.

    Attributes
    ----------
    name
        What is bounded: a column of the table compared_runs.
    relation
        `>` or `>=`.
    limit
        The bound, as it was written.
    """

    name: str
    relation: str
    limit: str

    def __str__(self) -> str:
        return f"{self.name}{self.relation}{self.limit}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The gate that a user wrote.

        Raises
        ------
        InputError
            If there is no such gate.
        """
        match, names = GATE.fullmatch("".join(text.split())), COMPARISONS["compared_runs"].names
        if match is None or match[1] not in names:
            raise InputError(f"There is no gate {text!r}: use NAME>NUMBER with a name of {', '.join(names)}.")
        return cls(*match.groups())

    def passes(self, summary: Mapping[str, float]) -> bool:
        """Whether a comparison is within the bound; what cannot be told is not."""
        value, limit = summary[self.name], float(self.limit)
        return value < limit if self.relation == ">=" else value <= limit


def gate_failure(gates: Sequence[Gate], summary: Mapping[str, float], before: str, after: str) -> str | None:
    """One sentence with each gate that a comparison does not pass, and its value; None if it passes all.

    Parameters
    ----------
    gates
        What may change.
    summary
        What changed.
    before, after
        The two runs.
    """
    failed = [f"{gate} ({_told(summary[gate.name])})" for gate in gates if not gate.passes(summary)]
    return f"Run {after} fails the gate {', '.join(failed)} against run {before}." if failed else None


def _told(value: float) -> str:
    return "it cannot be told" if math.isnan(value) else f"it is {value:.4g}"
