"""verify, repair and gc on finished runs, in every kind of workspace."""

import hashlib

import pytest

from flows import stages
from flows.fanout import InlineFanout
from flows.repair import repair
from storage.files import write_file
from storage.settings import Settings
from storage.verify import sound_manifest, verify
from storage.workspace import Workspace
from tasks.begin_run import begin_run
from tests.flows.test_stages import smooth_images

SETTINGS = {"rank": 3, "solver": "krylov", "shard_size": 2**15, "permutations": 2}


def analyse(source, address, run_id="run", **settings):
    workspace = Workspace(address)
    workspace.prepare()
    job = begin_run(str(source), Settings(**SETTINGS | settings), workspace, run_id)
    stages.run_stages(job, InlineFanout())
    return workspace, job.paths


def contents(workspace):
    return {path.key: hashlib.sha256(path.read()).hexdigest() for path in workspace.folder.files()}


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
    workspace, paths = analyse(source, tmp_path / "workspace")
    good = contents(workspace)
    assert list(verify(workspace, paths)) == []
    kinds = {}
    for path in workspace.folder.files():
        kind = path.key.replace("/".join(path.key.split("/")[1:3]), "") if path.key.startswith("shards") else path.key
        kinds.setdefault(kind.split("/c/")[0] if "/c/" in kind else kind, path)
    assert len(kinds) > 15
    del kinds[workspace.seen("run").key]  # nothing that is taken for true without a look
    for number, path in enumerate(kinds.values()):
        name, damage = list(DAMAGE.items())[number % 4]
        damage(path)
        found = {fault.path for fault in verify(workspace, paths)}
        assert path in found, (name, path)
        assert {fault.path for fault in repair(workspace, paths, InlineFanout())} == found
        assert contents(workspace) == good, (name, path)


def test_repair_everywhere(source, address):
    workspace, paths = analyse(source, address)
    good = contents(workspace)
    victims = [paths.table("patterns"), paths.folder / "scores.zarr/c/1/0", paths.manifest, paths.settings]
    for number, path in enumerate(victims):
        flip(path, 100 + number)
    flip(workspace.chunk(sound_manifest(paths).shards[1]), 999)
    repair(workspace, paths, InlineFanout())
    assert contents(workspace) == good
