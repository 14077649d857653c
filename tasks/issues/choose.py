"""Choose issues of a finished run: by kind, by class, the most severe, and those that are new."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import InputError
from storage.formats.places import relative
from storage.formats.predictions import read_predictions
from storage.runs.run import Run
from storage.runs.workspace import Workspace
from tasks.issues.decisions import Decisions, Issue, issues_of
from tasks.issues.found import WRONG_LABEL
from tasks.issues.predicted import with_opinion
from tasks.issues.second_opinion import SecondOpinion, second_opinion


@dataclass(frozen=True)
class Choice:
    """Which issues to choose.

    Attributes
    ----------
    kinds, classes
        Kinds, and names of the classes that images are labelled with; empty for all.
    top
        Number of the most severe issues, or None for all.
    new
        Whether to leave out issues that were decided, or that the run before has too.
    """

    kinds: Collection[str] = ()
    classes: Collection[str] = ()
    top: int | None = None
    new: bool = False

    def __post_init__(self) -> None:
        if self.top is not None and self.top < 1:
            raise InputError(f"--top {self.top} is not possible; give a whole number from 1.")


@dataclass(frozen=True)
class Issues:
    """The issues of a run.

    Attributes
    ----------
    run
        The run.
    before
        The run that it was compared with, which may be gone, or None if there was none.
    decisions
        What was decided about issues.
    predictions
        File of a model's predictions, which wrong labels are judged by too, or None.
    """

    run: Run
    before: Run | None = None
    decisions: Decisions = field(default_factory=Decisions)
    predictions: Path | None = None

    @classmethod
    def of(cls, run: Run, workspace: Workspace, decisions: Decisions, predictions: Path | None = None) -> "Issues":
        """Return the issues of a run, to compare with those of the run that its plan names."""
        name = run.manifest.layout.compared_with
        return cls(run, None if name is None else Run(workspace.run(name)), decisions, predictions)

    @cached_property
    def every(self) -> pa.Table:
        """All issues of the run, the most severe first.

        Raises
        ------
        InputError
            If an earlier version wrote the run, or the predictions cannot be read.
        """
        if "issues" not in self.run.tables:
            raise InputError(
                f"The run {self.run.paths.run_id} has no list of issues, since an earlier version wrote it; "
                "eigenwave run on its dataset makes one."
            )
        table = self.run.tables["issues"]
        return table if self.opinion is None else with_opinion(self.run, table, self.opinion)

    @cached_property
    def opinion(self) -> SecondOpinion | None:
        """What the run and the predictions say of labels together; None without predictions."""
        if self.predictions is None:
            return None
        keys, classes = self.run.tables["samples"]["key"].to_pylist(), self.run.manifest.classes
        given = read_predictions(self.predictions, keys, classes)
        return second_opinion(self.run, given.values)._replace(unknown=given.unknown)

    def choose(self, choice: Choice) -> pa.Table:
        """Return the chosen issues, the most severe first.

        Raises
        ------
        InputError
            If no such kind or class exists, the run has no list of issues, or it is not known which are new.
        """
        table = self.every
        kinds = self.run.tables["issue_kinds"]["kind"].to_pylist()
        table = _only(table, "kind", choice.kinds, kinds)
        table = _only(table, "class_name", choice.classes, self.run.manifest.classes)
        if choice.new:
            table = table.filter(pa.array(self._new(table), pa.bool_()))
        return table if choice.top is None else table.slice(0, choice.top)

    @property
    def found(self) -> dict[str, int]:
        """Number of issues of each kind that were found."""
        kinds = self.run.tables["issue_kinds"]
        found = dict(zip(kinds["kind"].to_pylist(), kinds["found"].to_pylist(), strict=True))
        if self.predictions is not None:
            found[WRONG_LABEL] = self.every["kind"].cast(pa.string()).to_pylist().count(WRONG_LABEL)
        return found

    @cached_property
    def new(self) -> int:
        """Number of issues that are neither decided nor in the run before.

        Raises
        ------
        InputError
            If it is not known which issues the run before has.
        """
        return int(np.sum(self._new(self.every)))

    def _new(self, table: pa.Table) -> list[bool]:
        return [issue not in self._known and issue not in self.decisions for issue in issues_of(self.run, table)]

    @cached_property
    def _known(self) -> frozenset[Issue]:
        """Issues of the run before."""
        if self.before is None:
            return frozenset()
        if "issues" not in self.before.tables:
            earlier = "has no list of issues, since an earlier version wrote it"
            raise self._unknown(self.before, earlier if self.before.paths.finished else "is gone")
        return frozenset(issues_of(self.before, self.before.tables["issues"]))

    def _unknown(self, before: Run, why: str) -> InputError:
        return InputError(
            f"It is not known which issues of the run {self.run.paths.run_id} are new, because the run before, "
            f"{before.paths.run_id}, {why}; list all of them, without --new."
        )


def _only(table: pa.Table, column: str, wanted: Collection[str], possible: Sequence[str]) -> pa.Table:
    """The rows with one of the wanted values."""
    for value in wanted:
        if value not in possible:
            what = "kind of issue" if column == "kind" else "class"
            raise InputError(f"There is no {what} {value!r}; choose from {', '.join(possible)}.")
    if not wanted:
        return table
    return table.filter(pc.is_in(table[column].cast(pa.string()), value_set=pa.array(list(wanted), pa.string())))


def relative_to_dataset(table: pa.Table, source: str) -> pa.Table:
    """Replace paths below the dataset, or below the folder of a dataset that is a file, by paths relative to it."""
    short = [relative(path, source) for path in table["path"].to_pylist()]
    return table.set_column(table.column_names.index("path"), table.schema.field("path"), pa.array(short, pa.string()))
