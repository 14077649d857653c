"""Compare the decomposition with its peers and its limits, in tables: `make bench`.

Contenders run one after the other, each in its own process on one thread. CPU time excludes imports. Error is the
largest relative error of a singular value. Deficit is the fraction of the best possible energy that the patterns miss.
Both are relative to float64.
"""

import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple, Self

import psutil

from benchmarks.contenders import CONTENDERS, READS, silent
from benchmarks.data import images, prepare
from flows.workers.open import open_fanout
from storage.settings import Settings
from tasks.decompose.patterns import begin_projection
from tasks.decompose.project import project_shard
from tasks.planning.memory import result_bytes
from tasks.run.job import Job

MIB = 2**20
PASSES = 1
LIMITS = {"krylov": "limit: reads + products", "gram": "limit: read + ssyrk"}
REPEATS = 3
ROUNDS = 5  # of passes on workers, whose times differ little
SLOW = {"dask-ml TruncatedSVD", "sklearn IncrementalPCA"}  # minutes each, so they run once


def measure(name: str, folder: Path, passes: int = PASSES) -> dict[str, float]:
    """Measure one contender in its own process."""
    command = [sys.executable, "-m", "benchmarks.contenders", name, str(folder), str(passes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def peers(folder: Path, count: int, rank: int, repeats: int = REPEATS) -> None:
    """Compare all contenders on the same coefficients, in rounds, since the machine's speed drifts between rounds."""
    source, kind = images(folder, count)
    plan = prepare(source, folder, rank, exact=True).plan
    print(f"\n### Peers: {kind}, {plan.fitted:,} x {plan.coefficients:,}, k = {rank}\n")
    print("| | reads | CPU s | of the limit | peak MiB | error | energy deficit |\n|---|---|---|---|---|---|---|")
    every = [
        {name: measure(name, folder) for name in CONTENDERS if not (again and name in SLOW)} for again in range(repeats)
    ]
    for name in CONTENDERS:
        rounds = [results for results in every if name in results]
        limit = LIMITS["gram" if name in {"eigenwave gram", LIMITS["gram"]} else "krylov"]
        ratio = median(results[name]["cpu"] / results[limit]["cpu"] for results in rounds)
        typical = {key: median(results[name][key] for results in rounds) for key in rounds[0][name]}
        reads = PASSES if name in {"eigenwave krylov", LIMITS["krylov"]} else READS.get(name, 1)
        accuracy = [f"{typical[key]:.1e}" if key in typical else "" for key in ("error", "deficit")]
        cells = [name, str(reads), f"{typical['cpu']:.2f}", f"{ratio:.2f}", f"{typical['peak'] / MIB:,.0f}", *accuracy]
        print(f"| {' | '.join(cells)} |", flush=True)


def scaling(folder: Path, counts: list[int], rank: int, side: int = 32) -> None:
    """Measure time and memory for growing numbers of images."""
    print(f"\n### Scaling, {side} x {side} x 3, k = {rank}\n")
    print("| images | coefficients | krylov CPU s | of the limit | peak MiB | dask default CPU s | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for count in counts:
        below = folder / f"scaling-{count}-{side}"
        below.mkdir(exist_ok=True)
        source, _ = images(folder, count, side)
        job = prepare(source, below, rank, exact=False)
        bare, ours, dask = (
            measure(name, below) for name in (LIMITS["krylov"], "eigenwave krylov", "dask svd_compressed, default")
        )
        cells = [f"{count:,}", f"{job.plan.coefficients:,}", f"{ours['cpu']:.2f}", f"{ours['cpu'] / bare['cpu']:.2f}"]
        cells += [f"{ours['peak'] / MIB:,.0f}", f"{dask['cpu']:.2f}", f"{dask['peak'] / MIB:,.0f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


def parallel(folder: Path, count: int, rank: int) -> None:
    """Measure a projection in this process, on one worker and on two; ratios are medians over several rounds."""
    job = prepare(images(folder, count)[0], folder, rank, exact=False)
    begin_projection(job)
    # Take the fastest of a few in a row, since other work on the machine disturbs the others.
    rounds = [[_least(_passes(job, workers)) for workers in range(3)] for _ in range(ROUNDS)]
    print(f"\n### The projection on workers, {job.plan.fitted:,} images in {len(job.plan.fitted_shards)} shards\n")
    print("| | wall s | of in this process | of 1 worker | CPU s of the process that drives | of the workers |")
    print("|---|---|---|---|---|---|")
    for workers in range(3):
        name = f"{workers} Dask worker{'s' * (workers > 1)}" if workers else "in this process"
        typical = [median(values) for values in zip(*(found[workers] for found in rounds), strict=True)]
        ratios = [median(found[workers].wall / found[other].wall for found in rounds) for other in (0, 1)]
        cells = [f"{typical[0]:.2f}", *(f"{ratio:.3f}" for ratio in ratios), *(f"{value:.2f}" for value in typical[1:])]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


class Seconds(NamedTuple):
    """Seconds of wall time, and of CPU time of this process and of its children."""

    wall: float
    driver: float
    workers: float

    @classmethod
    def now(cls) -> Self:
        """Return the times until now."""
        this = psutil.Process()
        times = [process.cpu_times() for process in this.children(recursive=True)]
        return cls(time.perf_counter(), time.process_time(), sum(found.user + found.system for found in times))


def _passes(job: Job, workers: int) -> list[Seconds]:
    """Measure projections, after one that is not counted."""
    settings = Settings(cluster="local" if workers else "inline", workers=workers or None)
    taken, size = [], result_bytes(job.plan, job.settings.association.permutations)["project"]
    with open_fanout(settings) as fanout:
        for _ in range(1 + REPEATS):
            start = Seconds.now()
            fanout.map_sum(partial(project_shard, job, 1), range(job.plan.shards), silent, size)
            taken.append(Seconds(*(after - before for before, after in zip(start, Seconds.now(), strict=True))))
    return taken[1:]


def _least(passes: list[Seconds]) -> Seconds:
    return Seconds(*(min(values) for values in zip(*passes, strict=True)))


def main() -> None:
    """Print all tables."""
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name:
        folder = Path(name)
        peers(folder, 50_000, 64)
        scaling(folder, [5_000, 20_000, 50_000, 200_000], 64)
        scaling(folder, [2_000], 64, side=224)
        parallel(folder, 200_000, 64)


if __name__ == "__main__":
    main()
