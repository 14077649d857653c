"""A hundred bits flipped where they lie, in every kind of file of a run: each is found, and mended bit for bit."""

import numpy as np
import pytest

from flows.repair import repair
from flows.workers.fanout import InlineFanout
from storage.runs.verify import verify
from tests.conftest import local
from tests.faults.table import record
from tests.flows.test_stages import smooth_images
from tests.flows.test_upkeep import analyse, contents

FLIPS, TOGETHER, STRIDE = 100, 10, 11


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


@pytest.mark.slow
def test_a_hundred_flipped_bits_are_found_and_mended(tmp_path):
    source = smooth_images(tmp_path / "data", shape=(8, 8), count=40)
    workspace, paths = analyse(source, tmp_path / "workspace", shard_size=2**14)
    good = contents(workspace)
    kinds = {}
    for path in [*(workspace.folder / "runs").files(), *(workspace.folder / "shards").files()]:
        kinds.setdefault(kind_of(path), []).append(path)
    random = np.random.default_rng(0)
    # In strides: the manifest and its copy, which each stand for the other, must not be hit together.
    turns = [list(kinds)[number * STRIDE % len(kinds)] for number in range(FLIPS)]
    assert set(turns) == set(kinds)
    found = 0
    for start in range(0, FLIPS, TOGETHER):
        some = [kinds[kind] for kind in turns[start : start + TOGETHER]]
        victims = {alike[random.integers(len(alike))] for alike in some}
        for victim in victims:
            flip(victim, random)
        named = {fault.path for fault in verify(workspace, paths)}
        linked = {path for path in workspace.folder.files() if same_bytes(path, victims)}
        assert named >= victims
        assert named == linked
        found += len(victims)
        assert {fault.path for fault in repair(workspace, paths, InlineFanout())} == named
        assert contents(workspace) == good
    assert found == FLIPS
    record("bits flipped in every kind of file", tried=FLIPS, survived=found)


def same_bytes(path, victims):
    """Whether a file is one of the victims, under whatever name."""
    return any(local(path).samefile(local(victim)) for victim in victims)
