"""SIGKILL at every kind of change to the disk: no wrong run looks finished, and a continued run has the same bytes."""

import dataclasses
import shutil
import signal
from datetime import timedelta

import pytest

from flows import stages
from storage.runs.garbage import collect, garbage
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.run.begin import begin_run
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.driver import PHASES, phases_of
from tests.faults.table import record
from tests.soak import rounds

MOMENTS = ("before", "after")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A dataset, the bytes of an undisturbed run, and the files it writes and in the end removes, in order."""
    source = smooth_images(tmp_path_factory.mktemp("data"), shape=(8, 8), count=40)
    folder, written = tmp_path_factory.mktemp("undisturbed"), []
    with driver.changes(lambda _, when, key: when == "before" and written.append(key)):
        driver.analyse(source, folder)
    assert set(phases_of(written)) == set(PHASES)
    return source, driver.contents(folder), written


def survives(undisturbed, folder, number, when):
    source, expected, written = undisturbed
    assert driver.killed(source, folder, number, when) == (-signal.SIGKILL, written[number - 1])
    sealed = (folder / "runs" / "run" / "manifest.json").exists()
    # Before the manifest nothing looks finished, after it all is there.
    assert sealed == (number + (when == "after") > written.index("runs/run/manifest.json") + 1)
    if sealed:
        assert list(verify(Workspace(folder), Workspace(folder).run("run"))) == []
    else:
        driver.analyse(source, folder)
        assert driver.swept(folder) == expected
    return phases_of(written)[number - 1]


@pytest.mark.parametrize("phase", PHASES)
def test_a_run_killed_in_each_phase_ends_with_the_same_bytes(undisturbed, tmp_path, phase):
    hit = [number for number, other in enumerate(phases_of(undisturbed[2]), 1) if other == phase]
    assert survives(undisturbed, tmp_path / "workspace", hit[len(hit) // 2], "before") == phase


@pytest.mark.soak
def test_fifty_kills_over_all_phases(undisturbed, tmp_path):
    writes = len(undisturbed[2])
    for seed in rounds():
        hit = []
        for turn in range(50):
            number = 1 + (turn * (writes - 1) // 49 + seed) % writes
            hit.append(survives(undisturbed, tmp_path / f"{seed}-{turn}", number, MOMENTS[(turn + seed // writes) % 2]))
            shutil.rmtree(tmp_path / f"{seed}-{turn}")
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
        assert driver.killed(source, tmp_path, number, "before")[0] == -signal.SIGKILL
    driver.analyse(source, tmp_path)
    assert driver.swept(tmp_path) == expected
    assert len(written) > 30
