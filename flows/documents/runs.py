"""The documents of commands that make, compare and show runs."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from flows.documents.entry import Count, Document, Entry, Row
from storage.runs.manifest import Manifest
from storage.runs.run import Run
from storage.tables.schemas import COMPARISONS, HISTORY, TABLES
from tasks.compare.gates import Gate
from tasks.compare.runs import Comparison
from tasks.report.quality_words import quality_counts
from tasks.report.verdict import verdict

PatternRow = Annotated[dict[str, Any], Row(TABLES["patterns"])]
LearnabilityRow = Annotated[dict[str, Any], Row(TABLES["learnability"])]
HeldOutRow = Annotated[dict[str, Any], Row(TABLES["held_out"])]
DuplicationRow = Annotated[dict[str, Any], Row(TABLES["duplication"])]
HistoryRow = Annotated[dict[str, Any], Row(HISTORY)]
ComparedRow = Annotated[dict[str, Any], Row(COMPARISONS["compared_runs"])]


class Summary(Entry):
    """A finished run."""

    run_id: str
    source: Annotated[str, Field(description="The dataset, as it was given.")]
    source_format: str
    created: Annotated[str, Field(description="When it was sealed, in UTC.")]
    folder: Annotated[str, Field(description="Its folder, or its place in an object store.")]
    report: Annotated[str, Field(description="The report to read first.")]
    issues_file: Annotated[str | None, Field(description="issues.csv; null for a run of an earlier version.")]
    verdict: Annotated[str, Field(description="Sentences for people, which may change.")]
    images: Count
    width: Count
    height: Count
    channels: Count
    fitted_split: Annotated[str, Field(description="Split that patterns are fitted on.")]
    classes: list[str]
    rejected: Annotated[Count, Field(description="Images that were set aside; the table rejects says why.")]
    repeated: Annotated[Count, Field(description="Images with the bytes of an earlier one.")]
    conflicting: Annotated[Count, Field(description="Repeated images under several classes.")]
    issues: Annotated[dict[str, Count], Field(description="Issues of each kind.")]
    quality: Annotated[dict[str, Count], Field(description="Images that stand out, such as dark ones, by kind.")]
    duplication: Annotated[DuplicationRow | None, Field(description="Null for a run of an earlier version.")]
    learnability: LearnabilityRow
    held_out: Annotated[list[HeldOutRow], Field(description="How well unseen images are classified.")]
    patterns: list[PatternRow]
    energy: Annotated[float, Field(description="Fraction of the energy about the mean that all patterns hold.")]
    residual_max: Annotated[float, Field(description="Largest relative residual of a pattern.")]
    solver: str
    passes: Count
    warm_start: Annotated[str | None, Field(description="Run whose patterns this one started from.")]
    seconds: Annotated[dict[str, float], Field(description="Wall time of each stage.")]

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return the summary of a finished run."""
        manifest, paths = run.manifest, run.paths
        same = cls.model_fields.keys() & Manifest.model_fields.keys()
        kinds = _rows(run, "issue_kinds")
        return cls.model_validate(
            {name: getattr(manifest, name) for name in same}
            | {name: manifest.plan[name] for name in ("images", "width", "height", "channels")}
            | {
                "folder": str(paths.folder),
                "report": str(paths.report),
                "issues_file": str(paths.issues) if paths.issues.exists() else None,
                "verdict": verdict(manifest.learnability),
                "issues": {row["kind"]: row["found"] for row in kinds},
                "quality": quality_counts(_rows(run, "quality_classes")),
                "duplication": next(iter(_rows(run, "duplication")), None),
                "held_out": _rows(run, "held_out"),
                "patterns": _rows(run, "patterns"),
            }
        )


def _rows(run: Run, table: str) -> list[dict[str, Any]]:
    """The rows of a table of a run; none if the run is of an earlier version without it."""
    return run.tables[table].to_pylist() if table in run.tables else []


class Analysed(Document):
    """The run that was made."""

    command: Literal["run"] = "run"
    version: Literal[1] = 1
    run: Summary


class Shown(Document):
    """A finished run."""

    command: Literal["show"] = "show"
    version: Literal[1] = 1
    run: Summary


class GateResult(Entry):
    """A limit on a change, and whether the change is within it."""

    gate: str
    passed: bool


class Change(Entry):
    """What changed from one run to another."""

    first: Annotated[str, Field(description="Id of the earlier run.")]
    second: Annotated[str, Field(description="Id of the later run.")]
    folder: Annotated[str, Field(description="Where the tables of the comparison are.")]
    summary: ComparedRow
    new_classes: list[str]
    vanished_classes: list[str]
    gates: Annotated[list[GateResult], Field(description="Those of --fail-if, in their order.")]

    @classmethod
    def of(cls, ids: tuple[str, str], comparison: Comparison, folder: object, gates: Sequence[Gate]) -> Self:
        """Return what changed between two runs, and which gates that passes."""
        return cls(
            first=ids[0],
            second=ids[1],
            folder=str(folder),
            summary=dict(comparison.summary),
            new_classes=list(comparison.new_classes),
            vanished_classes=list(comparison.vanished_classes),
            gates=[GateResult(gate=str(gate), passed=gate.passes(comparison.summary)) for gate in gates],
        )


class Audited(Document):
    """The run that was made, and what changed since an earlier one."""

    command: Literal["audit"] = "audit"
    version: Literal[1] = 1
    run: Summary
    change: Annotated[Change | None, Field(description="Null if there is no earlier run to compare with.")]


class Compared(Document):
    """What changed between two runs."""

    command: Literal["compare"] = "compare"
    version: Literal[1] = 1
    change: Change


class ListedRun(Entry):
    """A run of a workspace."""

    run_id: str
    state: Literal["finished", "unfinished", "damaged"]
    source: Annotated[str | None, Field(description="Null, as all that follows, if the run is not finished.")] = None
    created: str | None = None
    images: int | None = None
    learnability: float | None = None
    shuffled_mean: Annotated[float | None, Field(description="Learnability with shuffled labels.")] = None


class Runs(Document):
    """Runs of a workspace."""

    command: Literal["list"] = "list"
    version: Literal[1] = 1
    workspace: str
    latest: Annotated[str | None, Field(description="Id of the latest finished run.")]
    runs: list[ListedRun]


class Reported(Document):
    """A report that was written again."""

    command: Literal["report"] = "report"
    version: Literal[1] = 1
    run_id: str
    report: Annotated[str, Field(description="Path of report.html, or of the copy for others.")]


class Reconstructed(Document):
    """An image that was written as a sum of patterns."""

    command: Literal["reconstruct"] = "reconstruct"
    version: Literal[1] = 1
    path: Annotated[str, Field(description="The file that was written.")]
    sample: Annotated[str, Field(description="Key of the image.")]
    rank: Annotated[Count, Field(description="Patterns in the sum.")]
    psnr: Annotated[float | None, Field(description="Peak signal-to-noise ratio in dB; null if the sum is exact.")]


class Served(Document):
    """The address at which a run can be seen, until the command is ended."""

    command: Literal["open"] = "open"
    version: Literal[1] = 1
    run_id: str
    address: Annotated[str, Field(description="It ends in a token; keep it to yourself.")]


class Monitored(Document):
    """Addresses of a Prefect server and of Dask workers, until the command is ended."""

    command: Literal["monitor"] = "monitor"
    version: Literal[1] = 1
    runs: Annotated[str, Field(description="Page of the Prefect server.")]
    workers: Annotated[str, Field(description="Page of the Dask scheduler.")]
    metrics: Annotated[list[str], Field(description="Addresses of numbers for Prometheus.")]
    password: Annotated[str, Field(description="user:password, which all of them ask for; keep it to yourself.")]
    environment: Annotated[str, Field(description="File for a shell, after which eigenwave run sends its runs there.")]


class PastRuns(Document):
    """The last runs of a source."""

    command: Literal["history"] = "history"
    version: Literal[1] = 1
    source: str
    runs: Annotated[list[HistoryRow], Field(description="The run sealed last is the last one.")]
    earlier: Annotated[Count, Field(description="Earlier runs that are left out.")]
    other_kinds: Annotated[Count, Field(description="Runs with other settings, which are left out.")]
    unreadable: Annotated[list[str], Field(description="Damaged runs, which are left out.")]
