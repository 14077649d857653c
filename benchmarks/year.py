"""Audit a small dataset every night of a year, and prune after each: sizes, times and memory stay flat.

The images are handwritten zeros and ones. Each night some are replaced, and one gets any of ten labels. Each run is
sealed at three in the morning of its day: the clock is the only part that is not real. Run it with
`python -m benchmarks.year`.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # before anything loads BLAS

import numpy as np
import psutil
from PIL import Image

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.formats.digits import DigitsSource
from storage.runs.garbage import collect, garbage
from storage.runs.removal import remove_runs
from storage.runs.retention import Policy, choose
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.compare.audit import audit_run, record_audit
from tasks.compare.gates import Gate
from tasks.compare.history import history_of
from tasks.dtypes import MIB
from tasks.run import seal
from tasks.run.begin import begin_run

NIGHTS, IMAGES, REPLACED, RELABELLED = 365, 200, 4, 1
KEEP = "last=30,weekly=12,tag"
SETTINGS = Settings(cluster="inline", rank=4, permutations=1, scales=False)
FIRST = datetime(2026, 1, 1, 3, tzinfo=UTC)


class Night(NamedTuple):
    """What a night left.

    Attributes
    ----------
    runs, files, size
        Number of runs and of files in the workspace after pruning, and their size in bytes; a file with several names
        counts once.
    audit, prune
        CPU seconds of the audit and of pruning.
    memory
        Memory of this process in bytes, after pruning.
    """

    runs: int
    files: int
    size: int
    audit: float
    prune: float
    memory: int


def year(folder: Path, nights: int = NIGHTS, images: int = IMAGES, keep: str = KEEP) -> Iterator[Night]:
    """Simulate nights, and yield what each left."""
    source, workspace, rng = folder / "data", Workspace(str(folder / "workspace")), np.random.default_rng(0)
    _write_digits(source, images)
    workspace.prepare()
    for number in range(nights):
        moment = FIRST + timedelta(days=number)
        if number:
            _change(source, rng)
        start = time.process_time()
        with sealed_at(moment):
            _audit(source, workspace, f"r-{moment:%Y%m%dT%H%M%S}-0000")
        audited = time.process_time()
        _prune(workspace, Policy.parse([keep]))
        pruned = time.process_time()
        runs, files, size = len(workspace.runs()), *_size(folder / "workspace")
        memory = psutil.Process().memory_info().rss
        yield Night(runs, files, size, audited - start, pruned - audited, memory)


@contextmanager
def sealed_at(moment: datetime) -> Iterator[None]:
    """Let runs be sealed at this time for the time of the block."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:  # noqa: ANN401, ARG003
            return moment

    with mock.patch.object(seal, "datetime", Clock):
        yield


def _audit(source: Path, workspace: Workspace, run_id: str) -> None:
    with workspace.lock():
        job = begin_run(str(source), SETTINGS, workspace, run_id)
        stages.compute(job, InlineFanout())
        stages.report_run(job)
        record_audit(job, audit_run(job), [Gate.parse("learnability_drop>0.05")])
        seal.seal_run(job, {})


def _prune(workspace: Workspace, policy: Policy) -> None:
    with workspace.lock():
        remove_runs(workspace, [each.run.run_id for each in choose(workspace, policy) if not each.reasons])
        # All of a year happens within minutes, so files are as young as can be.
        collect(workspace, garbage(workspace, timedelta(0)))


@cache
def _digits() -> list[tuple[Image.Image, str]]:
    """All digits with their labels."""
    source = DigitsSource()
    samples = source.samples()
    pixels = [np.frombuffer(each, np.uint8).reshape(8, 8) * 15 for each in source.read(samples)]
    labels = map(str, samples["class_id"].to_pylist())
    return list(zip(map(Image.fromarray, pixels), labels, strict=True))


def _write_digits(folder: Path, count: int) -> None:
    for number, (picture, label) in enumerate(_digits()[:count]):
        path = folder / ("test" if number % 5 == 0 else "train") / label / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)


def _change(folder: Path, rng: np.random.Generator) -> None:
    """Replace some images by other digits of their class, and give another label to some."""
    chosen = rng.permutation(sorted(folder.rglob("*.png")))[: REPLACED + RELABELLED]
    for path in chosen[:REPLACED]:
        same = [picture for picture, label in _digits() if label == path.parent.name]
        same[rng.integers(len(same))].save(path)
    for path in chosen[REPLACED:]:
        place = path.parent.parent / str(rng.integers(10)) / path.name
        place.parent.mkdir(exist_ok=True)
        path.rename(place)


def _size(folder: Path) -> tuple[int, int]:
    """Number of files below a folder, and the bytes that they take; links to the same bytes count once."""
    found = {(status.st_dev, status.st_ino): status.st_size for status in _statuses(folder)}
    return len(found), sum(found.values())


def _statuses(folder: Path) -> Iterator[os.stat_result]:
    for parent, _, names in os.walk(folder):
        yield from (os.stat(Path(parent, name)) for name in names)  # noqa: PTH116 - of names that walk has found


def table(nights: list[Night]) -> None:
    """Print some nights, the last among them."""
    print("| after night | runs | files | MiB | audit, CPU seconds | prune, CPU seconds | memory, MiB |")
    print("|---|---|---|---|---|---|---|")
    shown = [number for number in (1, 10, 30, 60, 120, 180, 240, 300) if number < len(nights)]
    for number in [*shown, len(nights)]:
        # The median of ten nights, since one may have been interrupted by other work.
        near = sorted(nights[max(0, number - 10) : number], key=lambda night: night.audit)
        last, audit = nights[number - 1], near[len(near) // 2].audit
        prune = sorted(night.prune for night in near)[len(near) // 2]
        cells = f"{last.runs}", f"{last.files:,}", f"{last.size / MIB:.1f}", f"{audit:.2f}", f"{prune:.2f}"
        print(f"| {number} | {' | '.join(cells)} | {last.memory / MIB:.0f} |", flush=True)


def main() -> None:
    """Print the table, and how long the history of the year takes."""
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name:
        table(list(year(Path(name))))
        start = time.process_time()
        history_of(Workspace(str(Path(name) / "workspace")))
        print(f"\nhistory: {time.process_time() - start:.2f} s of CPU")


if __name__ == "__main__":
    main()
