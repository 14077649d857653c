"""Audits of a dataset that changes, one after another, each with a fault: nothing is wrong, lost, left, or grows.

Every audit is the command in a process of its own, with two workers, and reports to one Prefect server.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import time
import uuid
from collections import Counter
from contextlib import suppress

import numpy as np
import psutil
import pytest

from storage.runs.run import Run
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.table import record
from tests.processes import EIGENWAVE, serving_prefect
from tests.soak import rounds

MARK = "EIGENWAVE_TEST_MARK"
SETTINGS = {"rank": 3, "solver": "krylov", "tolerance": 0.01, "shard_size": 4096, "permutations": 1, "scales": False}
MOMENTS = ("plan.json", "work/parts/*", "run.zarr/scores/c/*", "tables/*")  # files whose coming tells where a run is
EDITED, KEPT, AT_FIRST, GROWTH = 5, 4, 6, 1.3
PAUSE = 3.0  # seconds for which a process is stopped
LEFT_SECONDS = 5.0


class Nights:
    """A dataset, its workspace, and what the audits left in it."""

    def __init__(self, folder, server):
        self.folder, self.workspace = folder, Workspace(folder / "workspace")
        self.source = smooth_images(folder / "data", shape=(8, 8), count=40)
        new = smooth_images(folder / "new", shape=(8, 8), count=40, seed=1)
        self.new = [path.read_bytes() for path in sorted(new.rglob("*.png"))]
        self.damaged, self.sizes, self.counted = set(), [], Counter()
        (folder / "temporary").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        names = {"HOME": folder, "XDG_CACHE_HOME": folder / "cache", "TMPDIR": folder / "temporary"}
        self.environment = kept | {name: str(place) for name, place in names.items()} | {"PREFECT_API_URL": server}

    # The dataset and the workspace.

    def images(self):
        return sorted(self.source.rglob("*.png"))

    def edit(self, chance, count=EDITED):
        for path in chance.sample(self.images(), count):
            path.write_bytes(chance.choice(self.new))
            self.damaged.discard(path)

    def files(self):
        return [path for path in (self.folder / "workspace").rglob("*") if path.is_file()]

    # Commands.

    def start(self, *words):
        self.mark = uuid.uuid4().hex
        command = [EIGENWAVE, *words, "--workspace", str(self.folder / "workspace")]
        environment, pipe = self.environment | {MARK: self.mark}, subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )

    def audit(self):
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items() if value is not False]
        return self.start("audit", str(self.source), *flags, "--no-scales", "--workers=2", "--max-bad-fraction=.2")

    def finished(self, process):
        """The status of a command and what it said, after which nothing may be left of it."""
        said = process.communicate()[1]
        deadline = time.monotonic() + LEFT_SECONDS
        while (left := self.left()) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert left == []
        assert "Traceback" not in said
        return process.returncode, said

    def done(self, *words):
        status, said = self.finished(self.start(*words))
        assert status == 0, said

    def left(self):
        found = [str(path) for path in (self.folder / "temporary").rglob("*")]
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.name())
        return found

    def comes_to(self, moment, process):
        """Wait until the unfinished run has a file; false if the run ended before."""
        while process.poll() is None:
            for paths in self.workspace.runs():
                folder = self.folder / "workspace" / "runs" / paths.run_id
                if not paths.finished and any(folder.glob(moment)):
                    return True
            time.sleep(0.02)
        return False

    # What must be true after each audit.

    def check(self):
        run = Run(self.workspace.find("latest"))
        assert list(verify(self.workspace, run.paths)) == []
        fresh = Run(
            driver.analyse(
                self.source, self.folder / "fresh", run.manifest.run_id, **SETTINGS | {"max_bad_fraction": 0.2}
            )
        )
        assert samples(run) == samples(fresh)
        assert run.manifest.rejected == fresh.manifest.rejected == len(self.damaged)
        for column in ("singular_value", "eta_squared"):
            np.testing.assert_allclose(run.tables["patterns"][column], fresh.tables["patterns"][column], rtol=1e-2)
        shutil.rmtree(self.folder / "fresh")
        self.done("prune", "--keep", f"last={KEPT}", "--grace", "0", "--yes")
        assert len(self.workspace.runs()) <= KEPT
        files = self.files()
        self.sizes.append((len(files), sum(path.stat().st_size for path in files)))

    def check_sizes(self):
        """Neither files nor bytes may grow once as many runs are there as are kept."""
        most = np.max(self.sizes[:AT_FIRST], axis=0)
        assert (np.array(self.sizes[AT_FIRST:]) <= GROWTH * most).all(), self.sizes


def samples(run):
    rows = run.tables["samples"].select(["key", "class_name", "digest", "valid"]).to_pylist()
    return {row["key"]: tuple(row.values()) for row in rows if row["class_name"] is not None}


def workers(process):
    """The worker processes of a run."""
    return [child for child in psutil.Process(process.pid).children(recursive=True) if "spawn" in str(child.cmdline())]


# Faults. Each takes the nights, a source of chance, and the audit that runs; it tells whether the audit must succeed.


def kill_the_driver(nights, chance, process):
    return end(nights, chance, process, signal.SIGKILL)


def end_the_driver(nights, chance, process):
    return end(nights, chance, process, signal.SIGTERM)


def end(nights, chance, process, number):
    if nights.comes_to(chance.choice(MOMENTS), process):
        process.send_signal(number)
    return False


def kill_a_worker(nights, chance, process):
    if nights.comes_to(chance.choice(MOMENTS), process):
        with suppress(psutil.Error, IndexError):
            chance.choice(workers(process)).kill()
    return True


def stop_a_worker(nights, chance, process):
    return stop(nights, chance, process, workers)


def stop_the_driver(nights, chance, process):
    return stop(nights, chance, process, lambda process: [psutil.Process(process.pid)])


def stop(nights, chance, process, candidates):
    if nights.comes_to(chance.choice(MOMENTS), process):
        with suppress(psutil.Error, IndexError):
            stopped = chance.choice(candidates(process))
            stopped.suspend()
            time.sleep(PAUSE)
            stopped.resume()
    return True


def edit_meanwhile(nights, chance, process):
    """An image changes that the run may have read, or may not have read yet."""
    if nights.comes_to(chance.choice(MOMENTS), process):
        nights.edit(chance, 1)
    return False


DURING = (
    kill_the_driver,
    end_the_driver,
    kill_a_worker,
    stop_a_worker,
    stop_the_driver,
    edit_meanwhile,
)


def damage_images(nights, chance):
    for path in chance.sample(nights.images(), 2):
        path.write_bytes(path.read_bytes()[:60])
        nights.damaged.add(path)


def damage_a_file(nights, chance):
    """Flip a bit of a file that a finished run has; `verify` names it, perhaps with the shard it is a link to."""
    run = Run(nights.workspace.find("latest"))
    path = (
        nights.folder / "workspace" / "runs" / run.manifest.run_id / chance.choice(sorted(map(str, run.manifest.files)))
    )
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    assert str(path) in {str(fault.path) for fault in verify(nights.workspace, run.paths)}
    nights.done("repair", run.manifest.run_id)
    assert list(verify(nights.workspace, run.paths)) == []


BEFORE = (damage_images, damage_a_file)
FAULTS = (*DURING, *BEFORE)


def night(nights, chance, fault):
    """Change the dataset, audit it while the fault happens, and audit again if that ended it."""
    if fault in BEFORE:
        fault(nights, chance)
    nights.edit(chance)
    process = nights.audit()
    must = fault(nights, chance, process) if fault in DURING else True
    status, said = nights.finished(process)
    assert status == 0 or not must, said
    if not must:
        # As the next night does. It continues, or starts over if an image has changed.
        status, said = nights.finished(nights.audit())
        assert status == 0, said
    nights.check()
    nights.counted[fault.__name__] += 1


@pytest.fixture
def nights(tmp_path):
    (tmp_path / "prefect").mkdir()
    with serving_prefect(tmp_path / "prefect") as (address, _):
        nights = Nights(tmp_path, address)
        assert nights.finished(nights.audit())[0] == 0
        yield nights


@pytest.mark.soak
def test_audits_with_a_fault_each(nights):
    for number in rounds():
        chance = random.Random(number)  # noqa: S311
        fault = FAULTS[number % len(FAULTS)]
        night(nights, chance, fault)
        record("audit with a fault, one after another", tried=1, survived=1)
    print(json.dumps({"faults": nights.counted, "sizes": nights.sizes}))  # noqa: T201 - a record of the soak
    nights.check_sizes()
