"""Results of the API's functions: plain numbers by name, displayed in a terminal or notebook as the command does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, Group, RenderableType

if TYPE_CHECKING:
    import pyarrow as pa

    import tasks.columns.ask
    import tasks.compare.runs
    import tasks.explain.tables
    from storage.runs.run import Run
    from tasks.planning.check import SourceCheck
    from tasks.planning.outlook import Estimate

WIDTH = 120  # characters


@dataclass(frozen=True, repr=False, eq=False)
class Shown:
    """A result that is displayed as the command prints it."""

    _shown: RenderableType = field(kw_only=True)

    def __repr__(self) -> str:
        text = StringIO()
        Console(file=text, width=WIDTH, force_terminal=False, force_jupyter=False).print(self._shown)
        return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").splitlines())

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


@dataclass(frozen=True, repr=False, eq=False)
class Check(Shown):
    """The findings of `check`.

    Attributes
    ----------
    version
        Version of these entries; docs/check-json.md describes them.
    source, images
        The dataset, and its images that a run would use.
    classes
        Images of each class in each split.
    groups
        For each class and split: images, bad ones, bytes, mean brightness, modes, sizes and endings of files.
    modes, sizes
        Images by mode, such as RGB, and by width and height.
    bad
        Key, reason and detail of each image that cannot be used.
    duplicates
        Images that repeat others, with the keys and classes of each group.
    run
        Size and cost of a run; None if a run would be refused.
    warnings, notes, ignored
        Risks for the results, decisions on how the dataset is read, and files that are not read: kind, text and count.
    problems
        Reasons why a run would fail: kind, text and count; empty if it would not fail.
    """

    version: int
    source: str
    images: int
    classes: Mapping[str, Mapping[str, int]]
    groups: Sequence[Mapping[str, Any]]
    modes: Mapping[str, int]
    sizes: Sequence[Mapping[str, int]]
    bad: Sequence[Mapping[str, str]]
    duplicates: Mapping[str, Any]
    run: Mapping[str, Any] | None
    warnings: Sequence[Mapping[str, Any]]
    notes: Sequence[Mapping[str, Any]]
    ignored: Sequence[Mapping[str, Any]]
    problems: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, report: "SourceCheck") -> Self:
        """Make the result from a report, with the entries of `eigenwave check --json`."""
        from flows.cli.check_summary import check_json, check_summary

        return cls(**check_json(report), _shown=check_summary(report))


@dataclass(frozen=True, repr=False, eq=False)
class Plan(Shown):
    """The work and the cost of a run.

    Attributes
    ----------
    images, fitted, classes
        Number of images, of images that patterns are fitted on, and of classes.
    coefficients, shards
        Wavelet coefficients of an image, and shards of images.
    rank, solver, passes
        Maximum number of patterns, the solver, and the maximum number of its passes over all coefficients.
    memory_bytes, memory_limit
        Peak memory of a process in bytes, and the bytes that it may use.
    seconds
        Wall time of the run, from its start to its report.
    stages
        For each stage: tasks, bytes read and written, seconds of one worker.
    """

    images: int
    fitted: int
    classes: int
    coefficients: int
    shards: int
    rank: int
    solver: str
    passes: int
    memory_bytes: int
    memory_limit: int
    seconds: float
    stages: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(cls, estimate: "Estimate") -> Self:
        """Make the result from an estimate."""
        from flows.cli.plan_summary import estimate_summary

        plan, outlays = estimate.plan, estimate.outlays
        return cls(
            images=plan.images,
            fitted=plan.fitted,
            classes=plan.classes,
            coefficients=plan.coefficients,
            shards=plan.shards,
            rank=plan.rank,
            solver=plan.solver,
            passes=plan.passes,
            memory_bytes=max(estimate.memory.values()),
            memory_limit=estimate.memory_limit,
            seconds=sum(estimate.seconds.values()),
            stages={stage: dict(vars(outlay)) for stage, outlay in outlays.items()},
            _shown=estimate_summary(estimate),
        )


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Shown):
    """The changes from one run to another.

    Attributes
    ----------
    before, after
        Ids of the two runs.
    summary
        One number per kind of change, such as `learnability_drop`; NaN if it cannot be computed.
    tables
        Arrow tables `compared_patterns`, `compared_classes`, `compared_images` and `compared_runs`.
    new_classes, vanished_classes
        Names of the classes that only one of the runs has.
    """

    before: str
    after: str
    summary: Mapping[str, float]
    tables: Mapping[str, "pa.Table"]
    new_classes: Sequence[str]
    vanished_classes: Sequence[str]

    @classmethod
    def of(cls, before: "Run", after: "Run", found: "tasks.compare.runs.Comparison") -> Self:
        """Make the result from a comparison."""
        from flows.cli.summary import comparison_summary
        from storage.tables.parquet import to_table
        from storage.tables.schemas import COMPARISONS

        ids = before.manifest.run_id, after.manifest.run_id
        return cls(
            *ids,
            summary=found.summary,
            tables={name: to_table(COMPARISONS[name], columns) for name, columns in found.tables.items()},
            new_classes=found.new_classes,
            vanished_classes=found.vanished_classes,
            _shown=comparison_summary(*ids, found),
        )


@dataclass(frozen=True, repr=False, eq=False)
class Association(Shown):
    """What a run's patterns have to do with columns.

    Attributes
    ----------
    run
        Id of the run.
    columns
        Names of the columns.
    tables
        Arrow tables of all columns: `column_summary`, `column_values`, `column_averages`, `column_patterns` and
        `column_held_out`.
    """

    run: str
    columns: Sequence[str]
    tables: Mapping[str, "pa.Table"]

    @classmethod
    def of(cls, run: "Run", found: Sequence["tasks.columns.ask.Association"]) -> Self:
        """Make the result from the associations of single columns."""
        import pyarrow as pa

        from flows.cli.associate import association_summary

        names = list(found[0].tables)
        return cls(
            run=run.manifest.run_id,
            columns=[each.column for each in found],
            tables={name: pa.concat_tables([each.tables[name] for each in found]) for name in names},
            _shown=Group(*(association_summary(each) for each in found)),
        )


@dataclass(frozen=True, repr=False, eq=False)
class Explanation(Shown):
    """What a run's patterns and a network have to do with each other.

    Attributes
    ----------
    run
        Id of the run.
    layers
        Names of the network's layers.
    tables
        Arrow tables of all layers: `explained_layers`, `explained_patterns` and `explained_images`.
    """

    run: str
    layers: Sequence[str]
    tables: Mapping[str, "pa.Table"]

    @classmethod
    def of(cls, run: "Run", found: Sequence["tasks.explain.tables.Explanation"]) -> Self:
        """Make the result from the explanations of single layers."""
        import pyarrow as pa

        from flows.cli.explain import layer_summary

        names = list(found[0].tables)
        return cls(
            run=run.manifest.run_id,
            layers=[each.layer for each in found],
            tables={name: pa.concat_tables([each.tables[name] for each in found]) for name in names},
            _shown=Group(*(layer_summary(each) for each in found)),
        )
