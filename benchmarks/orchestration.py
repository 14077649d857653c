"""Measure the cost of Prefect and Dask for a run, once and for each shard. Part of `make bench`.

The fixed cost is the difference between the flow and the bare stages on very small data. The cost of a shard is that of
stub work through the real fan-out, with the real progress artifacts. Work that only waits then shows how throughput
grows with workers, more than there are cores, and where it ends. All is measured with a running Prefect server.
CPU time is that of this process, which has flow and scheduler, and of the workers. The server's CPU time is separate,
without the time it takes when idle.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

import numpy as np
import numpy.typing as npt
import psutil
from prefect import flow, task
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from benchmarks.data import images
from flows import stages
from flows.analysis import analysis
from flows.monitor import prefect_server
from flows.tracking.progress import stage_progress
from flows.workers.fanout import InlineFanout
from flows.workers.open import open_fanout
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.run.begin import begin_run

REPEATS = 3
SHARDS = 10_000
RESULT = 8  # numbers in the result of a stub shard
WORKERS = (1, 2, 4, 8, 16)
WAIT = 0.02  # seconds of a shard of waiting work
SHARDS_EACH = 500  # of it, for each worker
STAGES_OVER_SHARDS = 3  # transform, summarise, judge; a projection for each pass is added
SOURCE = "digits"
IDLE_SECONDS = 5


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time, of CPU time of this process and its workers, and of CPU time of the Prefect server."""

    wall: float
    cpu: float
    server: float

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(*(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Clock:
    """Measures costs with a Prefect server in another process, which uses the fraction `idle` of a core when idle."""

    server: psutil.Process
    idle: float = 0.0

    def now(self) -> Cost:
        """Return the time until now, including workers that have ended or still run."""
        workers = [child for child in psutil.Process().children() if child.pid != self.server.pid]
        ours = sum(os.times()[:4]) + sum(map(_cpu, workers))
        return Cost(time.perf_counter(), ours, _cpu(self.server))

    def cost(self, action: Callable[[], object]) -> Cost:
        """Measure an action."""
        before = self.now()
        action()
        cost = self.now() - before
        return replace(cost, server=max(0.0, cost.server - self.idle * cost.wall))


def _cpu(process: psutil.Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in [process, *process.children(recursive=True)])


@contextmanager
def served() -> Iterator[Clock]:
    """Let flows of this process report to a new server while the block runs."""
    with prefect_server() as started:
        started.wait()
        with temporary_settings({PREFECT_API_URL: started.api, PREFECT_API_AUTH_STRING: started.password}):
            server = psutil.Process(started.pid)
            alone = Clock(server).cost(partial(time.sleep, IDLE_SECONDS))
            yield Clock(server, alone.server / alone.wall)
            APILogWorker.drain_all(timeout=5)


def bare(folder: Path, settings: Settings) -> None:
    """Do a run without Prefect and Dask."""
    workspace = Workspace(folder)
    workspace.prepare()
    stages.run_stages(begin_run(SOURCE, settings, workspace), InlineFanout())


def fixed(folder: Path, clock: Clock, repeats: int = REPEATS) -> Cost:
    """Measure the cost that Prefect adds to the bare stages. The table also has local workers, mostly their start."""
    inline, local = Settings(cluster="inline"), Settings(workers=2)
    rounds: dict[str, list[Cost]] = {"bare stages": [], "flow, inline": [], "flow, 2 local workers": []}
    for number in range(repeats + 1):
        place = str(folder / f"flow-{number}")
        rounds["bare stages"].append(clock.cost(partial(bare, folder / f"bare-{number}", inline)))
        rounds["flow, inline"].append(clock.cost(partial(analysis, SOURCE, f"{place}-inline", inline)))
        rounds["flow, 2 local workers"].append(clock.cost(partial(analysis, SOURCE, f"{place}-local", local)))
    print("\n### A run of the digits, least of some\n")
    print("| | wall s | CPU s | CPU s of the Prefect server |\n|---|---|---|---|")
    # The first round is a warm-up.
    least = {name: Cost(*np.min([astuple(cost) for cost in costs[1:]], axis=0)) for name, costs in rounds.items()}
    for name, cost in least.items():
        print(f"| {name} | {cost.wall:.2f} | {cost.cpu:.2f} | {cost.server:.2f} |", flush=True)
    return least["flow, inline"] - least["bare stages"]


def stub(settings: Settings, wait: float, shard: int) -> npt.NDArray[np.float64]:  # noqa: ARG001 - sent, as a job is
    """Do the least work of a shard, after some seconds of waiting."""
    time.sleep(wait)
    return np.full(RESULT, float(shard))


@task
def stub_stage(fanout: Any, shards: int, wait: float) -> None:  # noqa: ANN401 - Prefect looks for a schema otherwise
    """Run a stage of stub work, with its progress."""
    with stage_progress("stub", shards) as advance:
        total = fanout.map_sum(partial(stub, Settings(), wait), range(shards), advance, 8 * RESULT)
    if total[0] != shards * (shards - 1) / 2:
        raise RuntimeError(f"the sum over {shards} shards is {total[0]}")


@flow
def stub_flow(clock: Any, shards: int, workers: int = 2, wait: float = 0.0) -> Any:  # noqa: ANN401
    """Run a flow with one such stage; return its cost without the start of its workers."""
    with open_fanout(Settings(workers=workers)) as fanout:
        fanout.map_sum(partial(stub, Settings(), WAIT), range(8 * workers), lambda: None, 8 * RESULT)
        return clock.cost(partial(stub_stage, fanout, shards, wait))


def per_shard(clock: Clock, counts: tuple[int, ...]) -> Cost:
    """Measure the cost of a shard for several counts; return that for the largest."""
    print("\n### Shards of stub work through a flow, 2 workers\n")
    print("| shards | wall s | ms a shard | CPU ms a shard | CPU ms a shard of the Prefect server | peak MiB |")
    print("|---|---|---|---|---|---|")
    for count in counts:
        cost = cast("Cost", stub_flow(clock, count))
        each = Cost(*(value / count for value in astuple(cost)))
        peak = psutil.Process().memory_info().rss / 2**20
        cells = [f"{1000 * value:.2f}" for value in astuple(each)]
        print(f"| {count:,} | {cost.wall:.1f} | {' | '.join(cells)} | {peak:,.0f} |", flush=True)
    return each


def by_workers(clock: Clock, counts: tuple[int, ...], each: float) -> list[float]:
    """Measure how many shards a second workers do that only wait, against what is possible; return the ratios.

    Workers do one shard in `WAIT` seconds each, and scheduler and driver one in `each` seconds.
    """
    print(f"\n### Shards that wait {1000 * WAIT:.0f} ms, by number of workers\n")
    print("| workers | shards | wall s | shards a second | possible | ratio | CPU ms a shard | driver MiB |")
    print("|---|---|---|---|---|---|---|---|")
    ratios = []
    for workers in counts:
        count = SHARDS_EACH * workers
        cost = cast("Cost", stub_flow(clock, count, workers, WAIT))
        reached, possible = count / cost.wall, min(workers / WAIT, 1 / each)
        ratios.append(reached / possible)
        memory = psutil.Process().memory_info().rss / 2**20
        cells = [f"{workers}", f"{count:,}", f"{cost.wall:.1f}", f"{reached:.0f}", f"{possible:.0f}"]
        cells += [f"{ratios[-1]:.2f}", f"{1000 * cost.cpu / count:.2f}", f"{memory:,.0f}"]
        print(f"| {' | '.join(cells)} |", flush=True)
    return ratios


def share(folder: Path, clock: Clock, count: int, once: Cost, each: Cost) -> float:
    """Estimate the fraction of CPU time that orchestration takes in a run on CIFAR-10 or its stand-in."""
    source, kind = images(folder, count)
    whole = clock.cost(partial(analysis, str(source), str(folder / "whole"), Settings(workers=2), "run"))
    manifest = open_run(folder / "whole" / "runs" / "run").manifest
    tasks = len(manifest.shards) * (STAGES_OVER_SHARDS + manifest.passes)
    cost = once.cpu + whole.server + tasks * each.cpu
    print(f"\n### Share of a run: {kind}, {count:,} images, 2 workers\n")
    print("| run, wall s | run, CPU s | Prefect: flow | its server | Dask: shards x stages | s | all, of the run |")
    print("|---|---|---|---|---|---|---|")
    part = cost / (whole.cpu + whole.server)
    cells = [f"{whole.wall:.1f}", f"{whole.cpu + whole.server:.1f}", f"{once.cpu:.2f}", f"{whole.server:.2f}"]
    print(f"| {' | '.join(cells)} | {tasks} | {tasks * each.cpu:.2f} | {part:.1%} |", flush=True)
    return part


def main() -> None:
    """Print all tables."""
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name, served() as clock:
        once = fixed(Path(name), clock)
        each = per_shard(clock, (100, 1_000, SHARDS))
        by_workers(clock, WORKERS, each.wall)
        share(Path(name), clock, 50_000, once, each)


if __name__ == "__main__":
    main()
