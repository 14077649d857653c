"""Measure a run on a dataset of which an earlier run has most images. Part of `make bench`.

Times are CPU times of this process, on one thread. "Bring" covers the steps from images to coefficients on disk: read
changed files, decode, transform, store, and record all images. The transform also has the first pass of the
decomposition over all coefficients. A later run must read these, while the first run has them in memory.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # before anything loads BLAS

from benchmarks.data import images
from flows import stages
from flows.stages import report_run
from flows.workers.fanout import InlineFanout
from storage.datasets import stamps
from storage.runs.garbage import collect, garbage
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.run.begin import begin_run
from tasks.run.seal import seal_run
from tasks.transform import recipe
from tasks.transform import shard as transform_shard

T = TypeVar("T")
CHANGED = 0.01


@dataclass
class Clock:
    """CPU seconds by activity."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, name: str, function: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401 - passed on
        """Call the function, record its time, and return its result."""
        start = time.process_time()
        result = function(*arguments)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - start
        return result


@contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Record the time to bring shards, and the time to read stored ones."""
    places = {"bring_shard": transform_shard, "read_chunk": recipe}
    originals = {name: getattr(module, name) for name, module in places.items()}
    for name, module in places.items():
        setattr(module, name, partial(clock.timed, name, originals[name]))
    try:
        yield
    finally:
        for name, module in places.items():
            setattr(module, name, originals[name])


def run(source: Path, workspace: Path, *, whole: bool = False) -> dict[str, float]:
    """Measure the CPU seconds of a run up to its transform, or of a whole run.

    A run up to its transform is removed afterwards, with its shards.
    """
    space, clock = Workspace(str(workspace)), Clock()
    space.prepare()
    settings = Settings(solver="krylov", permutations=2, scales=False)
    job = clock.timed("list and plan", begin_run, str(source), settings, space)
    with watched(clock):
        clock.timed("transform", stages.transform, job, InlineFanout(), stages.silent)
    if whole:
        stages.compute(job, InlineFanout())
        report_run(job)
        seal_run(job, {})
    else:
        shutil.rmtree(str(job.paths.folder))
        collect(space, garbage(space, timedelta(0)))
    seconds = clock.seconds
    seconds["bring"] = seconds.pop("bring_shard") - seconds.pop("read_chunk", 0.0)
    return seconds


def least(measured: Callable[[], dict[str, float]], repeats: int) -> dict[str, float]:
    """Return the least of several times for each part, to exclude the effect of other work on the machine."""
    every = [measured() for _ in range(repeats)]
    return {part: min(seconds[part] for seconds in every) for part in every[0]}


@contextmanager
def new_files(paths: list[Path], count: int) -> Iterator[None]:
    """Add images to the dataset while the block runs: copies of some, which must be read nevertheless."""
    added = [path.with_name(f"new-{path.name}") for path in paths[:: len(paths) // count][:count]]
    for path, place in zip(paths[:: len(paths) // count], added, strict=False):
        shutil.copy(path, place)
    yield
    for place in added:
        place.unlink()


@contextmanager
def edited(paths: list[Path], count: int, step: int) -> Iterator[None]:
    """Change `count` images while the block runs, every `step`-th of the first ones."""
    chosen = paths[: count * step : step]
    for path, other in zip(chosen, paths[1::step], strict=False):
        content = other.read_bytes()
        path.rename(path.with_suffix(".aside"))
        path.write_bytes(content)
    yield
    for path in chosen:
        path.with_suffix(".aside").replace(path)


def rerun(folder: Path, count: int, side: int = 32, repeats: int = 5) -> dict[str, dict[str, float]]:
    """Print the cost of each kind of change beside the first run; return the seconds."""
    dataset, kind = images(folder, count, side)
    paths, some = sorted(dataset.rglob("*.jpg")), max(1, int(count * CHANGED))
    time.sleep(max(0, stamps.MOMENT_SECONDS))  # files written a moment ago would be read again
    changes: dict[str, AbstractContextManager[None]] = {
        "nothing changed": nullcontext(),
        "1 % new": new_files(paths, some),
        "1 % edited, next to each other": edited(paths, some, 1),
        "1 % edited, here and there": edited(paths, some, len(paths) // some),
    }
    workspace = folder / f"workspace-{count}-{side}"
    found = {"first run": least(partial(run, dataset, workspace), repeats)}
    run(dataset, workspace, whole=True)
    for name, change in changes.items():
        with change:
            found[name] = least(partial(run, dataset, workspace), repeats)
    print(f"\n### {kind}, {count:,} images of {side} x {side}\n")
    print("| | list and plan | transform | of it, bring | bring, of the first |\n|---|---|---|---|---|")
    for name, seconds in found.items():
        cells = [f"{seconds[part]:.2f}" for part in ("list and plan", "transform", "bring")]
        share = 100 * seconds["bring"] / found["first run"]["bring"]
        print(f"| {' | '.join([name, *cells, f'{share:.1f} %'])} |", flush=True)
    shutil.rmtree(workspace)
    return found


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name:
        rerun(Path(name), 50_000)
        rerun(Path(name), 200_000, repeats=1)
        rerun(Path(name), 2_000, 224, repeats=2)


if __name__ == "__main__":
    main()
