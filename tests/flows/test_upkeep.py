"""verify, repair and gc on finished runs, in every kind of workspace."""

import os
import re
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from flows.repair import repair
from flows.workers.fanout import InlineFanout
from storage.errors import EigenwaveError, InputError
from storage.formats.keyed_table import KeyedTable
from storage.runs.garbage import collect, garbage
from storage.runs.manifest import write_manifest
from storage.runs.run import Run
from storage.runs.verify import Fault, sound_manifest, verify
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.files import remove_folder, write_file
from storage.tables.schemas import ASSOCIATIONS
from tasks.columns.ask import associate_columns, keep_associations
from tasks.run.begin import begin_run
from tasks.transform.shard import bring_shard
from tests.datasets import smooth_images
from tests.faults.table import record
from tests.runs import contents, finish, local

SETTINGS = {"rank": 3, "solver": "krylov", "shard_size": 2**15, "permutations": 2}


def analyse(source, address, run_id="run", *, report=False, **settings):
    workspace = Workspace(address)
    workspace.prepare()
    job = begin_run(str(source), Settings(**SETTINGS | settings), workspace, run_id)
    finish(job, report=report)
    return workspace, job.paths


@pytest.fixture
def source(tmp_path):
    return smooth_images(tmp_path / "data", count=40)


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << place % 8
    write_file(path, content)


DAMAGE = {
    "flipped": lambda path: flip(path, 12345),
    "truncated": lambda path: write_file(path, path.read_bytes()[:-7]),
    "emptied": write_file,
    "deleted": lambda path: path.unlink(),
}


def test_every_kind_of_damage_to_every_kind_of_file_is_found_and_repaired(source, tmp_path):
    workspace, paths = analyse(source, tmp_path / "workspace", report=True)
    good = contents(workspace)
    assert list(verify(workspace, paths)) == []
    first = {}
    for path in workspace.folder.files():
        kind = path.key.replace("/".join(path.key.split("/")[1:3]), "") if path.key.startswith("shards") else path.key
        first.setdefault(kind.split("/c/")[0] if "/c/" in kind else kind, path)
    del first[workspace.seen("run").key]  # nothing that is taken for true without a look
    # Not the manifest together with its copy: then nothing says what the others should be.
    kinds = sorted(first.values(), key=lambda path: (path == paths.manifest, path.key))
    assert len(kinds) > 15
    for start in range(0, len(kinds), len(DAMAGE)):
        damaged = dict(zip(DAMAGE, kinds[start:], strict=False))
        for name, path in damaged.items():
            DAMAGE[name](path)
        found = {fault.path for fault in verify(workspace, paths)}
        assert found >= set(damaged.values())
        assert {fault.path for fault in repair(workspace, paths, InlineFanout())} == found
        assert contents(workspace) == good, damaged
    record("files damaged, of every kind", tried=len(kinds), survived=len(kinds))


def test_repair_everywhere(source, address):
    workspace, paths = analyse(source, address)
    good = contents(workspace)
    victims = [paths.table("patterns"), paths.folder / "run.zarr/scores/c/1/0", paths.manifest, paths.settings]
    for number, path in enumerate(victims):
        flip(path, 100 + number)
    flip(workspace.chunk(sound_manifest(paths).shards[1]), 999)
    repair(workspace, paths, InlineFanout())
    assert contents(workspace) == good


def test_what_cannot_be_brought_back_keeps_nothing_else_from_it(source, tmp_path):
    workspace, paths = analyse(source, tmp_path / "workspace")
    lost, other = paths.table("patterns"), paths.table("learnability")
    good, manifest = other.read_bytes(), sound_manifest(paths)
    # As if what the run had were another table than its dataset gives today.
    files = manifest.files | {lost.relative_to(paths.folder): "0" * 64}
    for path in (paths.manifest, paths.manifest_copy):
        write_manifest(path, manifest.model_copy(update={"files": files}))
    flip(other, 100)
    with pytest.raises(EigenwaveError, match=r"^tables/patterns\.parquet of .*run cannot be restored"):
        repair(workspace, paths, InlineFanout())
    assert other.read_bytes() == good
    assert [fault.path for fault in verify(workspace, paths)] == [lost]


def keys(entries):
    return {entry.key for entry in entries}


def test_garbage_is_what_no_run_needs_and_is_old_enough(source, tmp_path):
    workspace, _ = analyse(source, tmp_path / "workspace", "older")
    kept = contents(workspace)
    smooth_images(source, count=3, start=900, classes=("a",))
    _, paths = analyse(source, tmp_path / "workspace", "newer")
    assert garbage(workspace, timedelta(0)) == []
    began = begin_run(str(source), Settings(**SETTINGS | {"level": 1}), workspace, "unfinished")
    bring_shard(began, 0)
    assert garbage(workspace, timedelta(0)) == []

    newest, older = (set(manifest.all_shards) for manifest in map(sound_manifest, (paths, workspace.run("older"))))
    newest -= older
    remove_folder(paths.folder)
    found = keys(garbage(workspace, timedelta(0)))
    lost = {path.key for key in newest for path in (workspace.chunk(key), workspace.marker(key))}
    assert found == lost | {workspace.seen("newer").key}
    assert garbage(workspace, timedelta(hours=1)) == []
    for key in lost:
        old = local(workspace.folder / key)
        os.utime(old, (old.stat().st_atime, old.stat().st_mtime - 3000))
    assert garbage(workspace, timedelta(hours=1)) == []
    some = local(workspace.folder / min(lost))
    os.utime(some, (some.stat().st_atime, some.stat().st_mtime - 700))
    assert keys(garbage(workspace, timedelta(hours=1))) == {min(lost)}

    collect(workspace, garbage(workspace, timedelta(0)))
    assert garbage(workspace, timedelta(0)) == []
    remove_folder(began.paths.folder)
    collect(workspace, garbage(workspace, timedelta(0)))
    left = contents(workspace)
    assert {name: left[name] for name in kept if name != "runs/latest"} == {
        name: digest for name, digest in kept.items() if name != "runs/latest"
    }
    assert set(left) == set(kept)
    assert list(verify(workspace, workspace.run("older"))) == [Fault(workspace.latest, "damaged")]


def test_associations_of_a_run_are_kept_as_long_as_the_run_is(source, address, eigenwave):
    workspace, paths = analyse(source, address)
    table = pa.table({"key": (run := Run(paths)).tables["samples"]["key"], "half": ["ab"[n % 2] for n in range(120)]})
    found = associate_columns(run, ["half"], KeyedTable("made", table))
    keep_associations(workspace, run, found)
    assert eigenwave("list", "--workspace", address).returncode == 0
    assert list(verify(workspace, paths)) == []
    assert garbage(workspace, timedelta(0)) == []
    remove_folder(paths.folder)
    gone = {key for key in keys(garbage(workspace, timedelta(0))) if key.startswith("associations/")}
    assert gone == {f"associations/run/half/{name}.parquet" for name in ASSOCIATIONS}
    assert not {key for key in keys(garbage(workspace, timedelta(hours=1))) if key.startswith("associations/")}
    collect(workspace, garbage(workspace, timedelta(0)))
    assert not workspace.associations.is_dir() or not workspace.associations.files()


def test_nothing_is_garbage_as_long_as_it_is_not_known_what_a_run_needs(source, tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    job = begin_run(str(source), Settings(**SETTINGS), workspace, "unfinished")
    bring_shard(job, 0)
    write_file(job.paths.work.part(0), b"not a table")
    with pytest.raises(InputError, match=r"cannot be read.* Continue the run unfinished, or remove .*: until then"):
        garbage(workspace, timedelta(0))
    bring_shard(job, 0)
    assert garbage(workspace, timedelta(0)) == []


def test_the_age_of_garbage_is_told_by_the_clock_of_its_store(source, address):
    workspace, paths = analyse(source, address)
    manifest = sound_manifest(paths)
    shards = set(manifest.all_shards)
    remove_folder(paths.folder)
    assert garbage(workspace, timedelta(hours=1)) == []
    found = garbage(workspace, timedelta(0))
    assert keys(found) >= {workspace.chunk(key).key for key in shards}
    collect(workspace, found)
    assert list((workspace.folder / "shards").files()) == []


def test_gc_tells_what_it_would_remove_and_list_what_is_there(source, tmp_path, eigenwave):
    workspace, paths = analyse(source, tmp_path / "workspace")
    words = ("--workspace", tmp_path / "workspace")
    (local(workspace.folder) / "shards" / "ab").mkdir(exist_ok=True)
    stray = local(workspace.folder) / "shards" / "ab" / "abc.partial"
    stray.write_bytes(b"x" * 2**20)
    begin_run(str(source), Settings(**SETTINGS | {"level": 1}), workspace, "begun")
    listed = eigenwave("list", *words).stdout
    assert re.search(r"begun +unfinished, or still running", listed)
    assert re.search(rf"run +.*{datetime.now(UTC):%Y-%m-%d} \d\d:\d\d +120 .* latest", listed)
    assert "0 files, 0.0 MiB, would be removed." in eigenwave("gc", *words, "--dry-run").stdout
    told = eigenwave("gc", *words, "--dry-run", "--grace", "0")
    assert "shards/ab/abc.partial\n1 file, 1.0 MiB, would be removed." in told.stdout
    assert stray.exists()
    assert "1 file, 1.0 MiB, removed." in eigenwave("gc", *words, "--grace", "0").stdout
    assert not stray.exists()
    assert list(verify(workspace, paths)) == []
    flip(paths.manifest, 99)
    assert "latest" in eigenwave("list", *words).stdout
    flip(paths.manifest_copy, 99)
    assert re.search(r"run +its manifest and the copy of it are damaged", eigenwave("list", *words).stdout)
    assert eigenwave("gc", *words, "--grace", "0").returncode == 2
