"""The work and the cost of a run, as tables for people."""

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from flows.cli.terminal import grid
from storage.datasets.findings import counted
from tasks.dtypes import FLOAT32, MIB
from tasks.planning.outlay import driver_memory, driver_seconds
from tasks.planning.outlook import Estimate, Outlook
from tasks.report.verdict import percent

MOST_SHARDS = 100_000  # for scheduler and driver, extrapolated from 40,000 measured: docs/operating.md
UNITS = ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"))


def estimate_summary(estimate: Estimate) -> RenderableType:
    """Tables of what a run would do and cost, on a real dataset or on one that need not exist."""
    plan = estimate.plan
    what, of = ("coefficients", "an image") if estimate.pictured else ("features", "a row")
    table = grid("", "", header=False)
    rows = {
        **_dataset(estimate),
        **_found(estimate),
        what: f"{plan.coefficients:,} {of}, {size(plan.coefficient_bytes)} in all",
        "shards": f"{plan.shards:,} of up to {counted(plan.rows_per_shard, 'image')}{_too_many(estimate)}",
        "patterns": f"as many as hold {percent(estimate.energy)} of the energy"
        if estimate.energy
        else f"{plan.rank}, scores {size(plan.score_bytes)}",
        "labels": f"judged by {plan.judging_rank} patterns of {plan.judging_coefficients:,} other coefficients, "
        f"{size(plan.judging_bytes)}"
        if plan.judging_rank
        else "judged by these patterns",
        "solver": _solver(estimate),
        "memory": _memory(estimate),
        "driver": _driver(estimate),
        "computed": estimate.place,
        "time": _time(estimate),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    findings = estimate.findings if isinstance(estimate, Outlook) else ()
    said = (Text(f"\n{finding.text}") for finding in findings)
    return Group(table, Text(), _costs(estimate), Text(), _outlays(estimate), *said)


def _dataset(estimate: Estimate) -> dict[str, str]:
    plan = estimate.plan
    classes = counted(plan.classes, "class")
    if not estimate.pictured:
        return {"rows": f"{plan.images:,} of {counted(plan.width, 'feature')}, {classes}"}
    shape = f"{plan.width} x {plan.height} pixels, {counted(plan.channels, 'channel')}"
    return {"images": f"{plan.images:,} of {shape}, {classes}"}


def _found(estimate: Estimate) -> dict[str, str]:
    """Rows that are known only if there is a dataset."""
    if not isinstance(estimate, Outlook):
        return {}
    return {
        "fitted on": f"{counted(estimate.plan.fitted, 'image')} of split {estimate.fitted_split}",
        "not read": counted(estimate.findings.skipped, "entry"),
    }


def _too_many(estimate: Estimate) -> str:
    plan = estimate.plan
    if plan.shards <= MOST_SHARDS:
        return ""
    enough = -(-plan.images * plan.coefficients * FLOAT32 // MOST_SHARDS // MIB)
    return f"; too many for a scheduler: set --shard-size {enough}MiB or more"


def _memory(estimate: Estimate) -> str:
    stage = max(estimate.memory, key=lambda name: estimate.memory[name])
    needed, allowed = estimate.memory[stage], estimate.memory_limit
    short = "" if needed <= allowed else ": too few"
    return f"{size(needed)} a process, in the stage {stage}; {size(allowed)} are allowed{short}"


def _driver(estimate: Estimate) -> str:
    plan = estimate.plan
    taken = f"{size(driver_memory(plan, estimate.memory))} and {duration(driver_seconds(plan))}"
    return f"{taken} in the process that drives the run"


def _time(estimate: Estimate) -> str:
    start, work, report = (duration(estimate.seconds[part]) for part in ("start", "work", "report"))
    whole = duration(sum(estimate.seconds.values()))
    return f"{whole}: {start} to start, {work} for the stages below, {report} for the report"


def _solver(estimate: Estimate) -> str:
    plan = estimate.plan
    if plan.solver == "krylov":
        likely = next(round(cost.reads) + 1 for cost in estimate.costs if cost.solver == plan.solver)
        passes = f"{counted(likely, 'pass')} expected, at most {plan.passes}"
        return f"krylov, {plan.block_width} columns from a sample of {plan.sample:,} images; {passes}"
    return f"{plan.solver}, exact"


def _costs(estimate: Estimate) -> Table:
    numbers = [Column(name, justify="right") for name in ("reads after\nthe transform", "\noperations", "\none worker")]
    table = grid("\nsolver", *numbers, "")
    for cost in estimate.costs:
        verdict = cost.obstacle or ("taken" if cost.solver == estimate.plan.solver else "")
        table.add_row(cost.solver, f"{cost.reads + 1:g}", f"{cost.flops:.2g}", duration(cost.seconds), verdict)
    return table


def _outlays(estimate: Estimate) -> Table:
    numbers = [Column(name, justify="right") for name in ("tasks", "reads", "writes", "one worker")]
    table = grid("stage", *numbers)
    for stage, outlay in estimate.outlays.items():
        if not outlay.tasks:
            continue
        read, written = (size(count) if count else "" for count in (outlay.read, outlay.written))
        table.add_row(stage, f"{outlay.tasks:,}", read, written, duration(outlay.seconds))
    total = sum(outlay.seconds for outlay in estimate.outlays.values())
    table.add_row("in all", "", "", "", duration(total))
    return table


def size(count: float) -> str:
    """A number of bytes as text, in a suitable unit."""
    power = next((power for power in (50, 40, 30) if count >= 2**power), 20)
    return f"{count / 2**power:,.1f} {'MGTP'[power // 10 - 2]}iB"


def duration(seconds: float) -> str:
    """A number of seconds as text, in a suitable unit."""
    length, unit = next((it for it in UNITS if seconds >= 2 * it[0]), UNITS[-1])
    return f"{seconds / length:,.1f} {unit}"
