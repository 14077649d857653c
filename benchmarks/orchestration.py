"""What Prefect and Dask cost a run: once, and for each shard. Part of `make bench`.

The fixed cost is what the flow adds to the bare stages on data so small that these take next to nothing. The cost of a
shard is that of stub work through the real fan-out, with the real progress artifacts. Both on a Prefect server that
runs already. CPU time is that of this process, where flow and scheduler are, and of the workers; the server's is apart,
less what it takes when nobody asks it anything.
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
from prefect.settings import PREFECT_API_URL, temporary_settings

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
RESULT = 8  # numbers that a stub shard gives
STAGES_OVER_SHARDS = 4  # transform, project, summarise, judge; passes come to it
SOURCE = "digits"
IDLE_SECONDS = 5


@dataclass(frozen=True)
class Cost:
    """Seconds: of wall time, of CPU time here and on workers, of CPU time of the Prefect server."""

    wall: float
    cpu: float
    server: float

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(*(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Clock:
    """Measures costs beside a Prefect server, which is a process of its own, and takes so much of a core when idle."""

    server: psutil.Process
    idle: float = 0.0

    def now(self) -> Cost:
        """Time until now; workers count when they have ended, or are there."""
        workers = [child for child in psutil.Process().children() if child.pid != self.server.pid]
        ours = sum(os.times()[:4]) + sum(map(_cpu, workers))
        return Cost(time.perf_counter(), ours, _cpu(self.server))

    def cost(self, action: Callable[[], object]) -> Cost:
        """Of an action."""
        before = self.now()
        action()
        cost = self.now() - before
        return replace(cost, server=max(0.0, cost.server - self.idle * cost.wall))


def _cpu(process: psutil.Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in [process, *process.children(recursive=True)])


@contextmanager
def served() -> Iterator[Clock]:
    """Flows of this process report to a server of its own, for the time of the block."""
    before = set(psutil.Process().children())
    with prefect_server() as address, temporary_settings({PREFECT_API_URL: f"{address}/api"}):
        (server,) = set(psutil.Process().children()) - before
        alone = Clock(server).cost(partial(time.sleep, IDLE_SECONDS))
        yield Clock(server, alone.server / alone.wall)
        APILogWorker.drain_all(timeout=5)


def bare(folder: Path, settings: Settings) -> None:
    """A run without Prefect and Dask."""
    workspace = Workspace(folder)
    workspace.prepare()
    stages.run_stages(begin_run(SOURCE, settings, workspace), InlineFanout())


def fixed(folder: Path, clock: Clock, repeats: int = REPEATS) -> Cost:
    """What Prefect adds to the bare stages; and, in the table, local workers, most of which is their start."""
    inline, local = Settings(cluster="inline"), Settings(workers=2)
    rounds: dict[str, list[Cost]] = {"bare stages": [], "flow, inline": [], "flow, 2 local workers": []}
    for number in range(repeats + 1):
        place = str(folder / f"flow-{number}")
        rounds["bare stages"].append(clock.cost(partial(bare, folder / f"bare-{number}", inline)))
        rounds["flow, inline"].append(clock.cost(partial(analysis, SOURCE, f"{place}-inline", inline)))
        rounds["flow, 2 local workers"].append(clock.cost(partial(analysis, SOURCE, f"{place}-local", local)))
    print("\n### A run of the digits, least of some\n")
    print("| | wall s | CPU s | CPU s of the Prefect server |\n|---|---|---|---|")
    # The first round warms up.
    least = {name: Cost(*np.min([astuple(cost) for cost in costs[1:]], axis=0)) for name, costs in rounds.items()}
    for name, cost in least.items():
        print(f"| {name} | {cost.wall:.2f} | {cost.cpu:.2f} | {cost.server:.2f} |", flush=True)
    return least["flow, inline"] - least["bare stages"]


def stub(settings: Settings, shard: int) -> npt.NDArray[np.float64]:  # noqa: ARG001 - sent along, as a job is
    """The least work a shard can be."""
    return np.full(RESULT, float(shard))


@task
def stub_stage(fanout: Any, shards: int) -> None:  # noqa: ANN401 - Prefect looks for a schema of anything else
    """A stage of stub work, with its progress."""
    with stage_progress("stub", shards) as advance:
        total = fanout.map_sum(partial(stub, Settings()), range(shards), advance, 8 * RESULT)
    if total[0] != shards * (shards - 1) / 2:
        raise RuntimeError(f"the sum over {shards} shards is {total[0]}")


@flow
def stub_flow(clock: Any, shards: int) -> Any:  # noqa: ANN401
    """A flow of one such stage; what that cost, beyond the start of its workers."""
    with open_fanout(Settings(workers=2)) as fanout:
        fanout.map_sum(partial(stub, Settings()), range(2), lambda: None, 8 * RESULT)
        return clock.cost(partial(stub_stage, fanout, shards))


def per_shard(clock: Clock, counts: tuple[int, ...]) -> Cost:
    """What a shard of the largest count costs."""
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


def share(folder: Path, clock: Clock, count: int, once: Cost, each: Cost) -> float:
    """What orchestration takes of a run of CIFAR-10, or of its stand-in, beyond start-up: a part of its CPU time."""
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
    """All tables."""
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name, served() as clock:
        once = fixed(Path(name), clock)
        each = per_shard(clock, (100, 1_000, SHARDS))
        share(Path(name), clock, 50_000, once, each)


if __name__ == "__main__":
    main()
