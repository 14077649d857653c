"""Choose the place of a run with --cluster auto, and estimate its time there: worker processes take time to start."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from storage.datasets.findings import counted
from storage.setting_groups import Execution
from tasks.planning.outlay import Outlay, driver_seconds

if TYPE_CHECKING:
    from tasks.planning.plan import Plan

# Seconds on two cores of a small machine; `python -m benchmarks.startup` compares their sums with runs.
START = 9.0  # of a command with Prefect and its server, its end included
WORKERS_START = 3.0  # until local worker processes compute
REPORT = 3.0  # tables and page
PATTERN = 0.03  # pictures and charts of a pattern
CLASS = 0.002  # picture and row of a class


def work_seconds(outlays: Mapping[str, Outlay]) -> float:
    """Seconds of one worker for all stages that workers share."""
    return sum(outlay.seconds for outlay in outlays.values())


def local_workers(wanted: Execution) -> int:
    """Largest number of processes of a local cluster."""
    return wanted.workers or os.cpu_count() or 1


def in_this_process(wanted: Execution, seconds: float) -> bool:
    """Whether to compute in this process.

    Parameters
    ----------
    wanted
        Settings of the execution. With `auto`, the run computes here if workers would save less time than they take to
        start. A setting that needs worker processes, such as their number, decides for workers.
    seconds
        Time of one worker for the work, in seconds.
    """
    if wanted.cluster != "auto":
        return wanted.cluster == "inline"
    return not _asks_for_workers(wanted) and seconds * (1 - 1 / local_workers(wanted)) < WORKERS_START


def run_seconds(wanted: Execution, plan: "Plan", work: float) -> dict[str, float]:
    """Estimate the seconds of wall time of a run: to start, of the work that workers share, and of the report.

    Parameters
    ----------
    wanted
        Settings of the execution. On a cluster that is not started here, the work is that of `fewest_workers`.
    plan
        The plan.
    work
        Time of one worker for the work, in seconds.
    """
    here = in_this_process(wanted, work)
    local = wanted.cluster in {"auto", "local"} and not here
    workers = local_workers(wanted) if local else 1 if here else wanted.fewest_workers or 1
    return {
        "start": START + WORKERS_START * local,
        "work": work / workers + driver_seconds(plan),
        "report": REPORT + PATTERN * plan.rank + CLASS * plan.classes,
    }


def described(wanted: Execution, seconds: float) -> str:
    """Explain where a run computes and why; the parameters are those of `in_this_process`."""
    if wanted.cluster != "auto":
        return {"inline": "in this process", "local": "by workers on this machine"}.get(wanted.cluster, wanted.cluster)
    if in_this_process(wanted, seconds):
        return "in this process: workers would take longer to start than they save"
    why = "as the settings ask" if _asks_for_workers(wanted) else "which save more time than they take to start"
    return f"by {counted(local_workers(wanted), 'worker')} on this machine, {why}"


def _asks_for_workers(wanted: Execution) -> bool:
    return bool(wanted.workers or wanted.fewest_workers or wanted.memory_limit)
