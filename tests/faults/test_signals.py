"""Signals in every part of a run with its own server and workers: nothing is left behind."""

import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from flows.cli.ending import INTERRUPTION
from tests.datasets import smooth_images
from tests.faults.table import record
from tests.processes import EIGENWAVE

MARK = "EIGENWAVE_TEST_MARK"
# A file whose coming tells where a run is; None: as soon as the server is there.
MOMENTS = {"start": None, "transform": "parts/*", "decompose": "work/patterns-*", "report": "tables/suspects.parquet"}
STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -9}
LEFT_SECONDS = 5.0
SEMAPHORE = re.compile(r"/dev/shm/sem\.mp\S+")  # noqa: S108

pytestmark = pytest.mark.slow


def marked(mark: str) -> list[psutil.Process]:
    """Processes that descend from a run, whoever their parent is by now."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def semaphores(processes: list[psutil.Process]) -> Iterator[str]:
    """Named semaphores that processes have open."""
    for process in processes:
        with suppress(OSError):
            yield from SEMAPHORE.findall(Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8"))


def remains(mark: str, held: set[str], temporary: Path) -> list[str]:
    """Names of what a run has left: processes, semaphores that it held, and temporary files."""
    left = [process.name() for process in marked(mark)]
    left += [name for name in held if Path(name).exists()]
    return left + [str(path.relative_to(temporary)) for path in temporary.rglob("*")]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return smooth_images(tmp_path_factory.mktemp("data"), shape=(16, 16), count=300)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", STATUSES, ids=lambda number: number.name)
def test_nothing_is_left_of_a_run_that_a_signal_ends(source, tmp_path, number, moment):
    end(source, tmp_path, number, moment)
    record(f"run ended by {number.name}", tried=1, survived=1)


def test_a_signal_to_all_processes_of_a_run_ends_it(source, tmp_path):
    """As Slurm and systemd send it: the server and the workers of the run get it too."""
    end(source, tmp_path, signal.SIGTERM, "transform", everyone=True)
    record("all processes of a run ended by SIGTERM", tried=1, survived=1)


def end(source, tmp_path, number, moment, *, everyone=False):
    """Send a signal to a run at a moment; nothing may be left of it."""
    mark, temporary = uuid.uuid4().hex, tmp_path / "temporary"
    temporary.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "TMPDIR": str(temporary)}
    run = subprocess.Popen(
        [EIGENWAVE, "run", source, "--workers", "2", "--shard-size", "32KiB", "--rank", "8", "--solver", "krylov"],
        cwd=tmp_path,
        env=kept | environment | {MARK: mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    place = MOMENTS[moment]
    while len(marked(mark)) < 2 if place is None else not list(tmp_path.glob(f"eigenwave-workspace/runs/*/**/{place}")):
        assert run.poll() is None, run.communicate()[1]
        time.sleep(0.02)
    # Stop the run at its moment while its semaphores are looked up, or a short stage would be over.
    run.send_signal(signal.SIGSTOP)
    held = set(semaphores(marked(mark)))
    for process in marked(mark) if everyone else [run]:
        process.send_signal(number)
    run.send_signal(signal.SIGCONT)
    errors = run.communicate(timeout=30)[1]
    deadline = time.monotonic() + LEFT_SECONDS
    while (left := remains(mark, held, temporary)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert left == []
    assert "Traceback" not in errors
    if run.returncode == 0:  # the signal came when everything was done
        assert list(tmp_path.glob("eigenwave-workspace/runs/*/manifest.json"))
    else:
        assert run.returncode == STATUSES[number]
        assert (INTERRUPTION in errors) is (number != signal.SIGKILL)
