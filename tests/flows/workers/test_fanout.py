import os
import signal
import time
from functools import partial

import numpy as np
import pytest

from flows.workers import client as open_client
from flows.workers.fanout import InlineFanout, branches
from flows.workers.open import open_fanout
from storage.errors import EigenwaveError, InputError
from storage.settings import Settings
from tests.faults.table import record
from tests.processes import noise

MIB = 2**20


def fail_at(bad, kind, shard):
    if shard == bad:
        raise kind
    return 1


def die_at(bad, shard):
    if shard == bad:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1


def die_once(folder, shard):
    """Noise, but the first attempt at every third shard kills its worker."""
    trace = folder / str(shard)
    if shard % 3 == 0 and not trace.exists():
        trace.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return noise(1000, shard)


def eat(memory, shard):
    """Take more memory than there is, a piece at a time as a process does that takes too much, for one shard."""
    held = []
    while shard == 3 and len(held) < 4 * memory // MIB:
        held.append(b"x" * MIB)
        time.sleep(0.001)
    return 1


@pytest.fixture(scope="module")
def dask():
    with open_fanout(Settings(workers=2)) as fanout:
        yield fanout


@pytest.mark.parametrize("result_bytes", [4000, 2**22, 2**30])
@pytest.mark.parametrize("count", [1, 2, 7, 16, 33, 300])
def test_same_bits_in_process_and_on_workers(dask, count, result_bytes):
    advanced = []
    inline = InlineFanout().map_sum(partial(noise, 1000), range(count), lambda: advanced.append(1), result_bytes)
    spread = dask.map_sum(partial(noise, 1000), range(count), lambda: advanced.append(1), result_bytes)
    assert np.array_equal(inline, spread)
    assert len(advanced) == 2 * count
    exact = sum(noise(1000, shard).astype(float) for shard in range(count))
    np.testing.assert_allclose(inline, exact, atol=1e-4)


@pytest.mark.parametrize(
    ("count", "levels"), [(1, 0), (2, 1), (16, 1), (17, 2), (256, 2), (257, 3), (4096, 3), (100_000, 5)]
)
def test_the_tree_is_low_and_covers_every_shard(count, levels):
    def depth(shards):
        return 0 if len(shards) == 1 else 1 + max(depth(branch) for branch in branches(shards))

    assert depth(range(count)) == levels
    assert [shard for branch in branches(range(count)) for shard in branch] == list(range(count))


def test_our_errors_come_through_as_they_are(dask):
    for fanout in (InlineFanout(), dask):
        with pytest.raises(EigenwaveError, match=r"^a clear sentence$"):
            fanout.map_sum(partial(fail_at, 3, EigenwaveError("a clear sentence")), range(8), int, 1)


def test_the_error_of_an_only_shard_comes_through(dask):
    with pytest.raises(EigenwaveError, match=r"^a clear sentence$"):
        dask.map_sum(partial(fail_at, 0, EigenwaveError("a clear sentence")), range(1), int, 1)
    with pytest.raises(EigenwaveError, match=r"Shard 0 ended its worker process \d+ times"):
        dask.map_sum(partial(die_at, 0), range(1), int, 1)


def test_other_errors_name_the_shard(dask):
    for fanout in (InlineFanout(), dask):
        with pytest.raises(EigenwaveError, match="Shard 3 failed with ZeroDivisionError: nothing"):
            fanout.map_sum(partial(fail_at, 3, ZeroDivisionError("nothing")), range(8), int, 1)


def test_a_shard_that_kills_its_workers_is_named(dask):
    with pytest.raises(EigenwaveError, match=r"Shard 5 ended its worker process \d+ times.* lower --shard-size"):
        dask.map_sum(partial(die_at, 5), range(8), int, 1)
    assert dask.map_sum(partial(die_at, -1), range(8), int, 1) == 8
    record("a shard always ends its worker", tried=1, survived=1)


@pytest.mark.slow
def test_a_shard_that_takes_too_much_memory_is_named(monkeypatch):
    monkeypatch.setitem(open_client.CONFIG, "distributed.scheduler.allowed-failures", 1)
    memory = 400 * MIB
    with open_fanout(Settings(workers=1, memory_limit=memory)) as fanout:
        with pytest.raises(EigenwaveError, match=r"Shard 3 ended its worker process 2 times, most likely for lack of"):
            fanout.map_sum(partial(eat, memory), range(8), int, 1)
        assert fanout.map_sum(partial(eat, 0), range(8), int, 1) == 8
    record("a shard takes too much memory", tried=2, survived=2)


def test_same_bits_when_workers_die_and_shards_are_computed_again(dask, tmp_path):
    expected = InlineFanout().map_sum(partial(noise, 1000), range(20), int, 1)
    assert np.array_equal(dask.map_sum(partial(die_once, tmp_path), range(20), int, 1), expected)
    assert len(list(tmp_path.iterdir())) == 7
    record("worker killed: again and again", tried=7, survived=7)


def test_no_scheduler_is_told(monkeypatch):
    monkeypatch.setattr(open_client, "CONNECT_SECONDS", 1)
    with (
        pytest.raises(InputError, match="No Dask scheduler answers"),
        open_fanout(Settings(cluster="tcp://127.0.0.1:9")),
    ):
        pass
