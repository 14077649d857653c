"""SIGKILL at every kind of change to the disk: never a finished-looking wrong run, and the same bytes in the end."""

import dataclasses
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from flows import stages
from storage.runs.garbage import collect, garbage
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.run.begin import begin_run
from tests.faults import driver
from tests.faults.table import record
from tests.flows.test_stages import smooth_images

PHASES = ("layout", "transform", "pass", "scores", "tables", "seal", "tidy")


def phases_of(keys):
    """The phases of a run that change files, in order: what follows the last `latest` is tidied up."""
    sealed = len(keys) - keys[::-1].index("runs/latest")
    return ["tidy" if place >= sealed else phase_of(key) for place, key in enumerate(keys)]


def phase_of(key):
    """The phase of a run that writes a file."""
    if "manifest" in key or key.endswith(("latest", "samples.parquet", "rejects.parquet", "thumbnails.parquet")):
        return "seal"
    if key.startswith("shards/") or any(
        part in key for part in ("/parts/", "/mean.zarr", "totals", "transformed", "coefficients.zarr/c")
    ):
        return "transform"
    if any(part in key for part in ("product-", "basis-", "values-", "scale")):
        return "pass"
    if any(part in key for part in ("scores.zarr", "patterns.zarr", "projection", "thresholds", "image", "loadings")):
        return "scores"
    if any(part in key for part in ("/tables/", "summary", "judge", "verdicts")):
        return "tables"
    return "layout"


def contents(folder):
    """Digests of a run's files and shards; of the manifest what does not tell the time, and nothing of the source's."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    manifest = json.loads(files["runs/run/manifest.json"])
    dated = ("runs/run/manifest.json", "runs/run/manifest.copy.json", "lock", "seen/run.batches")
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name not in dated}
    return digests | {name: manifest[name] for name in ("files", "shards", "learnability", "dataset_digest")}


def swept(folder):
    """Contents, when what killed writers left beside shards is removed."""
    workspace = Workspace(folder)
    collect(workspace, garbage(workspace, timedelta(0)))
    return contents(folder)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A dataset, the bytes of an undisturbed run, and the files it writes and in the end removes, in order."""
    source = smooth_images(tmp_path_factory.mktemp("data"), shape=(8, 8), count=40)
    folder, written = tmp_path_factory.mktemp("undisturbed"), []
    with driver.changes(lambda _, when, key: when == "before" and written.append(key)):
        driver.analyse(source, folder)
    assert set(phases_of(written)) == set(PHASES)
    return source, contents(folder), written


def kill(source, folder, number, when):
    """Run until the so-many-th change, and give the file."""
    command = [sys.executable, driver.__file__, source, folder, str(number), when, "run", "{}"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent), "OPENBLAS_NUM_THREADS": "1"}
    victim = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert victim.returncode == -signal.SIGKILL, victim.stderr
    return victim.stdout.strip()


def survives(undisturbed, folder, number, when):
    source, expected, written = undisturbed
    key = kill(source, folder, number, when)
    assert key == written[number - 1]
    sealed = (folder / "runs" / "run" / "manifest.json").exists()
    # Before the manifest nothing looks finished, after it all is there.
    assert sealed == (number + (when == "after") > written.index("runs/run/manifest.json") + 1)
    if sealed:
        assert list(verify(Workspace(folder), Workspace(folder).run("run"))) == []
    else:
        driver.analyse(source, folder)
        assert swept(folder) == expected
    return phases_of(written)[number - 1]


@pytest.mark.parametrize("phase", PHASES)
def test_a_run_killed_in_each_phase_ends_with_the_same_bytes(undisturbed, tmp_path, phase):
    hit = [number for number, other in enumerate(phases_of(undisturbed[2]), 1) if other == phase]
    assert survives(undisturbed, tmp_path / "workspace", hit[len(hit) // 2], "before") == phase


@pytest.mark.slow
def test_fifty_kills_over_all_phases(undisturbed, tmp_path):
    writes, hit = len(undisturbed[2]), []
    for turn in range(50):
        number = 1 + turn * (writes - 1) // 49
        hit.append(survives(undisturbed, tmp_path / str(turn), number, ("before", "after")[turn % 2]))
    assert set(hit) == set(PHASES)
    for phase in PHASES:
        record(f"run killed: {phase}", tried=hit.count(phase), survived=hit.count(phase))


def test_latest_names_the_newest_finished_run_whenever_the_seal_is_killed(undisturbed, tmp_path):
    """And verify, gc and the same command find all well."""
    source, base = undisturbed[0], tmp_path / "base"
    driver.analyse(source, base, "older")
    workspace = Workspace(base)
    job = begin_run(str(source), Settings(**driver.SETTINGS), workspace, "newer")
    driver.compute(job)
    steps = []
    for number in range(2, 8):  # from the first that names the run
        folder = shutil.copytree(base, tmp_path / str(number))
        workspace, moved = Workspace(folder), dataclasses.replace(job, folder=str(folder))
        step = driver.ending(number, ("after", "before")[number % 2], driver.end_softly)
        with pytest.raises(driver.Ended), driver.changes(step):
            stages.seal_run(moved, {})
        sealed = moved.paths.manifest.exists()
        steps.append(sealed)
        for _ in range(2):
            assert workspace.find("latest").run_id == ("newer" if sealed else "older")
            assert list(verify(workspace, workspace.find("latest"))) == []
            collect(workspace, garbage(workspace, timedelta(0)))
        if not sealed:
            stages.seal_run(moved, {})
            assert workspace.latest.read_bytes() == b"newer"
            assert list(verify(workspace, moved.paths)) == []
    assert steps == [False, False, True, True, True, True]
    record("run killed around its manifest", tried=len(steps), survived=len(steps))


@pytest.mark.slow
def test_a_run_killed_again_and_again_still_ends_with_the_same_bytes(undisturbed, tmp_path):
    source, expected, written = undisturbed
    for number in range(2, 14, 3):
        kill(source, tmp_path, number, "before")
    driver.analyse(source, tmp_path)
    assert swept(tmp_path) == expected
    assert len(written) > 30
