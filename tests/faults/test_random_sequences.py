"""Runs, kills, changes of the dataset, damage, repair and gc in any order, compared with a model of their effects.

After every step, each finished run has the files it was sealed with, or `verify` names exactly the others. A finished
run equals a run in an empty workspace. An intact result is not computed again.
"""

import hashlib
import shutil
import signal
import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from flows.repair import repair
from flows.workers.fanout import InlineFanout
from storage.errors import EigenwaveError
from storage.runs.garbage import collect, garbage
from storage.runs.run import Run
from storage.runs.shards import find_shard, shard_keys
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.stores.files import digest_of
from storage.tables.batches import read_batch
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.table import record
from tests.runs import local
from tests.soak import rounds

CLASSES, IMAGES, FEWEST = "abc", 10, 24
# In memory if there is such a disk: each file is synced, which a spinning one takes its time for.
FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# With new rows and from the start: the bits of a fresh run. In the rows of the run before: its numbers.
ANEW = {"shard_size": 4096, "compact": True, "warm_start": "none"}
AS_BEFORE = {"shard_size": 4096, "solver": "gram"}
PLACES = st.integers(1, 115)  # a run changes about a hundred files
WHEN = st.sampled_from(["before", "after"])
ENDS = st.none() | st.tuples(PLACES, WHEN)
POSITIONS = st.integers(0, 10**6)
MOST_KILLS = 2  # in earnest, in a sequence: each starts a process
COUNTED = Counter()


def digest(path):
    return hashlib.sha256(local(path).read_bytes()).hexdigest() if path.exists() else None


def flipped(content, position):
    changed = bytearray(content)
    changed[position % len(content)] ^= 1 << position % 8
    return bytes(changed)


DAMAGE = {
    "flipped": flipped,
    "cut short": lambda content, position: content[: position % len(content)],
    "emptied": lambda _, __: b"",
    "deleted": lambda _, __: None,
}


@contextmanager
def ended(end):
    """End what is done in the block at a change to the disk, if it makes so many."""
    if end is None:
        yield
        return
    with suppress(driver.Ended), driver.changes(driver.ending(*end, driver.end_softly)):
        yield
        return
    COUNTED["ended"] += 1


class Sequences(RuleBasedStateMachine):
    """One dataset and one workspace; `sealed` has the digest of each file of each finished run, by path."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="eigenwave-", dir=FAST))
        self.source = smooth_images(self.folder / "data", shape=(8, 8), count=IMAGES)
        new = smooth_images(self.folder / "new", shape=(8, 8), count=IMAGES, seed=1)
        self.new = [path.read_bytes() for path in sorted(new.rglob("*.png"))]
        self.workspace = Workspace(self.folder / "workspace")
        self.workspace.prepare()
        self.sealed, self.analysed, self.added = {}, {}, 0
        self.run(0, None, anew=True)

    def teardown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    # The dataset.

    def images(self):
        return sorted(self.source.rglob("*.png"))

    def content(self):
        return {path.relative_to(self.source).as_posix(): path.read_bytes() for path in self.images()}

    @rule(change=st.sampled_from(["grow", "edit", "remove"]), place=POSITIONS, which=POSITIONS)
    def change(self, change, place, which):
        getattr(self, change)(place, which)

    def grow(self, place, which):
        self.added += 1
        name = CLASSES[place % len(CLASSES)]
        (self.source / name / f"new{self.added:04d}.png").write_bytes(self.new[which % len(self.new)])

    def edit(self, place, which):
        images = self.images()
        images[place % len(images)].write_bytes(self.new[which % len(self.new)])

    def remove(self, place, _):
        images = self.images()
        if len(images) > FEWEST:
            images[place % len(images)].unlink()

    # Commands, some of them ended before they are done.

    # Few rules, each of several: hypothesis leaves some out of each sequence.
    @rule(command=st.sampled_from(["repair", "gc", "run", "run_anew"]), place=POSITIONS, end=ENDS)
    def command(self, command, place, end):
        getattr(self, command)(place, end)

    def run_anew(self, place, end):
        self.run(place, end, anew=True)

    def run(self, _, end, *, anew=False):
        chosen, whole, damaged = ANEW if anew else AS_BEFORE, self.whole_shards(), self.damaged()
        paths = None
        try:
            with ended(end):
                paths = driver.analyse(self.source, self.workspace.address, None, **chosen)
        except EigenwaveError:
            assert damaged  # it needs the run before, and says so if that is not whole
        self.remember(paths)
        assert whole.items() <= self.whole_shards().items()
        if paths is not None:
            COUNTED["runs finished"] += 1
            self.compare_with_fresh(paths, chosen, anew=anew)

    @rule(anew=st.booleans(), end=st.tuples(PLACES, WHEN), place=POSITIONS, which=POSITIONS)
    def edit_while_a_run_is_interrupted(self, anew, end, place, which):
        self.run(place, end, anew=anew)
        self.edit(place, which)
        self.run(place, None, anew=anew)

    def repair(self, place, end):
        run_id = sorted(self.sealed)[place % len(self.sealed)]
        damaged = self.damaged()
        try:
            with ended(end), self.workspace.lock():
                repair(self.workspace, self.workspace.run(run_id), InlineFanout())
                COUNTED["repairs"] += 1
                assert not {path for path in self.damaged() if path in self.sealed[run_id]}
                assert self.workspace.find("latest").run_id == max(self.sealed)
        except EigenwaveError:
            others = {path for path in damaged if path not in self.sealed[run_id]}
            assert others or self.content() != self.analysed[run_id]
        assert self.damaged() <= damaged

    def gc(self, _, end):
        damaged, kept = self.damaged(), self.needed_shards()
        with ended(end), self.workspace.lock():
            collect(self.workspace, garbage(self.workspace, timedelta(0)))
            COUNTED["gc"] += 1
        assert self.damaged() == damaged
        assert kept <= self.needed_shards()

    @rule(run=POSITIONS, places=st.lists(POSITIONS, min_size=1, max_size=5), kind=st.sampled_from(sorted(DAMAGE)))
    def corrupt(self, run, places, kind):
        run_id = sorted(self.sealed)[run % len(self.sealed)]
        for place in places:
            self.damage(run_id, place, kind)

    def damage(self, run_id, place, kind):
        paths, files = self.workspace.run(run_id), sorted(self.sealed[run_id], key=str)
        path = [*files, self.workspace.latest][place % (len(files) + 1)]
        # A manifest is brought back from its copy, or from what a kill left: one of them must be whole.
        if path in {paths.manifest, paths.manifest_copy} and (
            paths.work.folder.is_dir() or {paths.manifest, paths.manifest_copy} & self.damaged()
        ):
            return
        if local(path).exists() and local(path).stat().st_size:
            COUNTED["files damaged"] += 1
            content = DAMAGE[kind](local(path).read_bytes(), place)
            local(path).unlink() if content is None else local(path).write_bytes(content)

    # What must be true at any time.

    @invariant()
    def verify_names_what_is_damaged_and_nothing_else(self):
        damaged = self.damaged()
        for run_id, files in self.sealed.items():
            found = {fault.path for fault in verify(self.workspace, self.workspace.run(run_id))}
            assert found - {self.workspace.latest} == {path for path in damaged if path in files}
            assert (self.workspace.latest in found) == (not self.workspace.latest_exists)
        if self.sealed and self.workspace.latest_exists:
            assert self.workspace.find("latest").run_id == max(self.sealed)

    def damaged(self):
        return {path for files in self.sealed.values() for path, known in files.items() if digest(path) != known}

    def whole_shards(self):
        """When each complete shard was written."""
        shards = [path for path in (self.workspace.folder / "shards").files() if not path.name.endswith(".json")]
        markers = {path: find_shard(self.workspace, path.name) for path in shards}
        return {
            path: local(path).stat().st_mtime_ns
            for path, marker in markers.items()
            if marker and digest_of(path) == marker.blake3
        }

    def needed_shards(self):
        """Shards that unfinished runs have."""
        parts = [part for paths in self.workspace.runs() if not paths.finished for part in paths.work.parts.files()]
        keys = {key for part in parts for key in shard_keys(read_batch(part)).values()}
        return {key for key in keys if self.workspace.chunk(key).exists()}

    def remember(self, finished):
        """Runs that were finished just now, one of them maybe by a process that was ended after it."""
        for paths in self.workspace.runs():
            if paths.run_id in self.sealed or not paths.finished:
                continue
            files = [path for path in paths.folder.files() if not path.is_below(paths.work.folder)]
            manifest = Run(paths).manifest
            for key in manifest.all_shards:
                files += [self.workspace.chunk(key), self.workspace.marker(key)]
            self.sealed[paths.run_id] = {path: digest(path) for path in files}
            self.analysed[paths.run_id] = self.content()
        assert finished is None or finished.run_id in self.sealed

    def compare_with_fresh(self, paths, chosen, *, anew):
        folder = self.folder / f"fresh-{paths.run_id}"
        ours, fresh = (Run(where) for where in (paths, driver.analyse(self.source, folder, paths.run_id, **chosen)))
        if anew:
            assert results(ours) == results(fresh)
        else:
            assert samples(ours) == samples(fresh)
            for column in ("singular_value", "eta_squared", "energy_share"):
                np.testing.assert_allclose(ours.tables["patterns"][column], fresh.tables["patterns"][column], rtol=1e-4)
        shutil.rmtree(folder)


class SequencesWithSigkill(Sequences):
    """Some runs are processes of their own, and killed in earnest."""

    kills = 0

    @precondition(lambda self: self.kills < MOST_KILLS)
    @rule(place=PLACES, when=WHEN)
    def kill(self, place, when):
        self.kills += 1
        code, _ = driver.killed(self.source, self.workspace.address, place, when, run_id=None, **ANEW)
        COUNTED["SIGKILL"] += code == -signal.SIGKILL
        assert code in {0, 1, -signal.SIGKILL}
        self.remember(None)


def results(run):
    """Digests of what a run found; of what it is compared with, and of where it lies, a fresh one knows nothing."""
    return {
        name: known for name, known in run.manifest.files.items() if name != "plan.json" and "compared_" not in name
    }


def samples(run):
    rows = run.tables["samples"].select(["key", "class_id", "digest", "valid"]).to_pylist()
    return {row["key"]: tuple(row.values()) for row in rows if row["valid"]}


def check(machine, **chosen):
    COUNTED.clear()
    # Not shrunk: that would take hours, and a time-out would hide what failed.
    common = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
    run_state_machine_as_test(machine, settings=settings(phases=[Phase.generate], **common, **chosen))
    return dict(COUNTED)


def test_random_sequences():
    found = check(Sequences, max_examples=4, stateful_step_count=6, derandomize=True)
    assert found["runs finished"] > 2


@pytest.mark.soak
def test_many_random_sequences():
    for number in rounds():
        machine = seed(number)(type(f"Sequences{number}", (SequencesWithSigkill,), {}))
        found = check(machine, max_examples=15, stateful_step_count=12)
        assert min(found[kind] for kind in ("runs finished", "ended", "SIGKILL", "files damaged", "repairs", "gc")) > 2
        faults = found["ended"] + found["SIGKILL"] + found["files damaged"]
        record("random sequences", tried=faults, survived=faults)
