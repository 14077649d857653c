"""A hundred bits flipped on disk, in every kind of file of a run: each is found, and repaired bit for bit."""

import numpy as np
import pytest

from flows.repair import repair
from flows.workers.fanout import InlineFanout
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from tests.datasets import smooth_images
from tests.faults.table import record
from tests.runs import analyse, contents, local
from tests.soak import rounds

FLIPS, TOGETHER = 100, 10


def kind_of(path):
    """Files of one array, and shards, are of one kind."""
    key = path.key
    if key.startswith("shards/"):
        return "marker" if key.endswith(".json") else "shard"
    return key.split("/c/")[0]


def flip(path, random):
    """Flip a bit in place, as a disk does it: a file that has two names changes under both."""
    with local(path).open("r+b") as file:
        place = int(random.integers(local(path).stat().st_size))
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << int(random.integers(8))]))


@pytest.fixture(scope="module")
def flipping(tmp_path_factory):
    """A run in small shards, and its files by kind."""
    folder = tmp_path_factory.mktemp("flips")
    source = smooth_images(folder / "data", shape=(8, 8), count=40)
    workspace, kinds = Workspace(folder / "workspace"), {}
    analyse(
        source, workspace.address, run_id="run", report=True, rank=3, solver="krylov", shard_size=2**14, permutations=2
    )
    for path in [*(workspace.folder / "runs").files(), *(workspace.folder / "shards").files()]:
        kinds.setdefault(kind_of(path), []).append(path)
    return workspace, workspace.run("run"), kinds


def flip_some(flipping, kinds, random):
    """Flip a bit in a file of each kind: `verify` names just these files, and `repair` brings back all bytes."""
    workspace, paths, files = flipping
    good = contents(workspace)
    victims = {files[kind][random.integers(len(files[kind]))] for kind in kinds}
    for victim in victims:
        flip(victim, random)
    named = {fault.path for fault in verify(workspace, paths)}
    assert named >= victims
    assert named == {path for path in workspace.folder.files() if same_bytes(path, victims)}
    assert {fault.path for fault in repair(workspace, paths, InlineFanout())} == named
    assert contents(workspace) == good
    return len(victims)


def turns(kinds, count):
    """Kinds one after another. The manifest and its copy are far apart: one of the two must be whole at any time."""
    order = sorted(kinds, key=lambda kind: kind.endswith("manifest.copy.json"))
    copy = order.pop()
    manifest = next(place for place, kind in enumerate(order) if kind.endswith("manifest.json"))
    order.insert((manifest + len(order) // 2) % len(order), copy)
    return [order[number % len(order)] for number in range(count)]


@pytest.mark.slow
def test_flipped_bits_are_found_and_mended(flipping):
    assert flip_some(flipping, turns(flipping[2], TOGETHER), np.random.default_rng(0)) == TOGETHER


@pytest.mark.soak
def test_a_hundred_flipped_bits_are_found_and_mended(flipping):
    order = turns(flipping[2], FLIPS)
    assert set(order) == set(flipping[2])
    for seed in rounds():
        random = np.random.default_rng(seed)
        found = sum(flip_some(flipping, order[at : at + TOGETHER], random) for at in range(0, FLIPS, TOGETHER))
        assert found == FLIPS
        record("bits flipped in every kind of file", tried=FLIPS, survived=found)


def same_bytes(path, victims):
    """Whether a file is one of the victims, under whatever name."""
    return any(local(path).samefile(local(victim)) for victim in victims)
