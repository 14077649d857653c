"""The documents of check and plan: what a dataset holds, and what a run on it would cost."""

from dataclasses import asdict
from typing import Annotated, Literal, Self

from pydantic import Field

from flows.documents.entry import Count, Document, Entry
from storage.datasets.findings import Finding
from tasks.planning.outlay import driver_memory, driver_seconds
from tasks.planning.outlook import Estimate, Outlook


class Found(Entry):
    """A fact about a dataset. docs/check-json.md lists the kinds."""

    kind: Annotated[str, Field(description="A fixed phrase that programs can rely on.")]
    text: Annotated[str, Field(description="A sentence for people, which may change.")]
    count: Annotated[Count, Field(description="Files, images or classes concerned.")]

    @classmethod
    def all(cls, findings: list[Finding]) -> list[Self]:
        """Return the facts as entries."""
        return [cls(**vars(finding)) for finding in findings]


class Size(Entry):
    """How many images have a size."""

    width: Count
    height: Count
    images: Count


class Group(Entry):
    """Images of a class in a split."""

    class_: Annotated[str, Field(alias="class")]
    split: str
    images: Count
    bad: Annotated[Count, Field(description="Images that cannot be decoded.")]
    bytes: Annotated[Count, Field(description="Of all files together.")]
    brightness: Annotated[float | None, Field(ge=0, le=1, description="Mean of all pixels, from 0 to 1.")]
    modes: dict[str, Count]
    sizes: list[Size]
    endings: Annotated[dict[str, Count], Field(description="Endings of the files' names; empty if there is none.")]


class Bad(Entry):
    """An image that cannot be decoded."""

    key: str
    reason: str
    detail: str


class Repeats(Entry):
    """Images with the same bytes."""

    keys: list[str]
    classes: list[str]
    splits: list[str]


class Duplicates(Entry):
    """Images that repeat others."""

    images: Annotated[Count, Field(description="Images that have the bytes of an earlier one.")]
    conflicting: Annotated[Count, Field(description="Of these, those under another class.")]
    groups: list[Repeats]


class PlanNumbers(Entry):
    """The numbers of a run's plan, as its plan.json has them."""

    images: Count
    fitted: Count
    masked: Count
    fitted_rows: Count
    classes: Count
    height: Count
    width: Count
    channels: Count
    coefficients: Count
    value_bytes: Count
    rank: Count
    block_width: Count
    passes: Count
    rows_per_shard: Count
    shards: Count
    scales: Count
    solver: str
    unlabelled: Count
    judging_coefficients: Count
    judging_rank: Count
    scale_values: Count
    scale_operations: Count


class PlannedRun(PlanNumbers):
    """The run that would follow, and what it would cost."""

    fitted_split: str
    coefficient_bytes: Count
    memory_bytes: Annotated[Count, Field(description="Most that a process needs.")]
    seconds: float


class Checked(Document):
    """Content and problems of a dataset. docs/check-json.md describes each entry."""

    command: Literal["check"] = "check"
    version: Literal[2] = 2
    source: str
    images: Annotated[Count, Field(description="Images that a run would use, bad ones included.")]
    classes: Annotated[dict[str, dict[str, Count]], Field(description="Images of each class by split.")]
    groups: list[Group]
    modes: dict[str, Count]
    sizes: list[Size]
    bad: list[Bad]
    duplicates: Duplicates
    run: Annotated[PlannedRun | None, Field(description="The run that would follow; null if it would be refused.")]
    warnings: list[Found]
    notes: list[Found]
    ignored: list[Found]
    problems: Annotated[list[Found], Field(description="Why a run would fail; empty if it would not.")]


class SolverCost(Entry):
    """The estimated cost of a solver."""

    solver: str
    reads: Annotated[float, Field(description="Reads of all coefficients after the transform.")]
    flops: Annotated[float, Field(description="Floating-point operations.")]
    seconds: Annotated[float, Field(description="Of one worker.")]
    obstacle: Annotated[str | None, Field(description="Why it cannot be used; null if it can.")]


class StageCost(Entry):
    """The estimated cost of a stage."""

    tasks: Count
    read: Annotated[Count, Field(description="Bytes.")]
    written: Annotated[Count, Field(description="Bytes.")]
    seconds: Annotated[float, Field(description="Of one worker.")]


class Planned(Document):
    """What a run would do and cost."""

    command: Literal["plan"] = "plan"
    version: Literal[1] = 1
    plan: PlanNumbers
    energy: Annotated[float | None, Field(description="Energy that decides the number of patterns, if one is set.")]
    fitted_split: Annotated[str | None, Field(description="Null without a dataset.")]
    coefficient_bytes: Count
    score_bytes: Count
    judging_bytes: Count
    solvers: list[SolverCost]
    stages: dict[str, StageCost]
    memory: Annotated[dict[str, Count], Field(description="Most bytes that a process needs in each step.")]
    memory_limit: Annotated[Count, Field(description="Bytes that a process may use.")]
    driver_memory: Annotated[Count, Field(description="Bytes of the process that drives the run.")]
    driver_seconds: float
    place: Annotated[str, Field(description="Where the run computes, and why there.")]
    seconds: Annotated[dict[str, float], Field(description="Wall time to start, for the work and for the report.")]
    warnings: list[Found]
    notes: list[Found]
    ignored: list[Found]

    @classmethod
    def of(cls, estimate: Estimate) -> Self:
        """Return an estimate as a document."""
        plan, memory = estimate.plan, estimate.memory
        found = vars(estimate.findings) if isinstance(estimate, Outlook) else {}
        return cls(
            plan=PlanNumbers(**asdict(plan)),
            energy=estimate.energy,
            fitted_split=estimate.fitted_split if isinstance(estimate, Outlook) else None,
            coefficient_bytes=plan.coefficient_bytes,
            score_bytes=plan.score_bytes,
            judging_bytes=plan.judging_bytes,
            solvers=[SolverCost(**vars(cost)) for cost in estimate.costs],
            stages={name: StageCost(**vars(outlay)) for name, outlay in estimate.outlays.items()},
            memory=dict(memory),
            memory_limit=estimate.memory_limit,
            driver_memory=driver_memory(plan, memory),
            driver_seconds=driver_seconds(plan),
            place=estimate.place,
            seconds=dict(estimate.seconds),
            **{name: Found.all(found.get(name, [])) for name in ("warnings", "notes", "ignored")},
        )
