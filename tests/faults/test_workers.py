"""Dask workers that are killed, stopped or out of memory in every stage, before and after results are on disk."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from flows.workers import client as open_client
from flows.workers.local_cluster import free_port
from flows.workers.open import open_fanout
from storage.errors import EigenwaveError
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.table import record
from tests.processes import dask_processes

STAGES = {
    "transform_shard": "transform",
    "project_shard": "project",
    "search_shards": "neighbours",
    "summarise_shards": "summarise",
    "judge_shards": "judge",
}


@dataclass(frozen=True)
class Deadly:
    """A function of a shard whose first call for one shard strikes the worker before, and for another after."""

    function: partial
    traces: Path
    before: int
    after: int
    blow: Callable[[], object]

    def __call__(self, shard):
        self.strike("before", shard == self.before)
        result = self.function(shard)
        self.strike("after", shard == self.after)
        return result

    def strike(self, when, here):
        trace = self.traces / when
        if here and not trace.exists():
            trace.write_text(str(os.getpid()))
            self.blow()


def signal_itself(number):
    """Send this process a signal."""
    os.kill(os.getpid(), number)


KILLED = partial(signal_itself, signal.SIGKILL)
STOPPED = partial(signal_itself, signal.SIGSTOP)


class DeadlyFanout:
    """Another fan-out, where two workers are struck in each stage, of several passes in the first."""

    def __init__(self, fanout, traces, blow=KILLED):
        self.fanout, self.traces, self.blow = fanout, traces, blow

    def map_sum(self, function, shards, advance, result_bytes):
        place = self.traces / function.func.__name__
        if not place.exists():
            place.mkdir()
            turn = len(list(self.traces.iterdir()))
            before, after = shards[turn % len(shards)], shards[(turn + 3) % len(shards)]
            function = Deadly(function, place, before, after, self.blow)
        return self.fanout.map_sum(function, shards, advance, result_bytes)


@pytest.mark.slow
def test_workers_die_in_every_stage(tmp_path):
    source = smooth_images(tmp_path / "data", shape=(8, 8), count=40)
    expected = driver.files_of_run(source, tmp_path / "undisturbed")
    traces = tmp_path / "traces"
    traces.mkdir()
    with open_fanout(Settings(workers=2)) as fanout:
        assert driver.files_of_run(source, tmp_path / "disturbed", DeadlyFanout(fanout, traces)) == expected
    deaths = [(trace.parent.name, trace.name) for trace in traces.rglob("*") if trace.is_file()]
    assert set(deaths) == {(stage, when) for stage in STAGES for when in ("before", "after")}
    for function, stage in STAGES.items():
        count = sum(hit == function for hit, _ in deaths)
        record(f"worker killed: {stage}", tried=count, survived=count)


GROUP_BYTES = 64 * 2**20


@pytest.fixture
def memory_group():
    """A control group below this process's own, whose processes the kernel ends when they take more than its limit."""
    own = [line.partition(":memory:")[2] for line in Path("/proc/self/cgroup").read_text().splitlines()]
    group = Path("/sys/fs/cgroup/memory", *(place.strip("/") for place in own if place), f"eigenwave-{os.getpid()}")
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no group with a limit of memory can be made here, which needs root and cgroup version 1: {error}")
    (group / "memory.limit_in_bytes").write_text(str(GROUP_BYTES))
    yield group
    for _ in range(100):  # a process that was ended leaves its group a moment later
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)
    group.rmdir()


def run_out_of_memory(group):
    """Take twice the memory of a control group, as one of its processes."""
    (group / "cgroup.procs").write_text(str(os.getpid()))
    return b"full" * (GROUP_BYTES // 2)


def ended_by_the_kernel(group):
    """How many processes of a control group the kernel has ended for lack of memory."""
    return int((group / "memory.oom_control").read_text().split()[-1])


@pytest.mark.slow
def test_the_kernel_ends_workers_for_lack_of_memory_in_every_stage(memory_group, tmp_path):
    source = smooth_images(tmp_path / "data", shape=(8, 8), count=40)
    expected = driver.files_of_run(source, tmp_path / "undisturbed")
    traces = tmp_path / "traces"
    traces.mkdir()
    with open_fanout(Settings(workers=2)) as fanout:
        starved = DeadlyFanout(fanout, traces, partial(run_out_of_memory, memory_group))
        assert driver.files_of_run(source, tmp_path / "disturbed", starved) == expected
    struck = {(trace.parent.name, trace.name) for trace in traces.rglob("*") if trace.is_file()}
    assert struck == {(stage, when) for stage in STAGES for when in ("before", "after")}
    assert ended_by_the_kernel(memory_group) == len(struck)
    record("worker ended by the kernel for lack of memory", tried=len(struck), survived=len(struck))


@dataclass(frozen=True)
class Starved:
    """A function of a shard that runs out of memory for one shard, each time."""

    function: partial
    group: Path
    shard: int

    def __call__(self, shard):
        if shard == self.shard:
            run_out_of_memory(self.group)
        return self.function(shard)


class StarvedFanout:
    """Another fan-out, where a shard of one stage always runs out of memory."""

    def __init__(self, fanout, group, stage):
        self.fanout, self.group, self.stage = fanout, group, stage

    def map_sum(self, function, shards, advance, result_bytes):
        if function.func.__name__ == self.stage:
            function = Starved(function, self.group, shards[len(shards) // 2])
        return self.fanout.map_sum(function, shards, advance, result_bytes)


@pytest.mark.soak
@pytest.mark.parametrize("stage", ["transform_shard", "summarise_shards"])
def test_a_shard_that_the_kernel_always_ends_is_named(stage, memory_group, monkeypatch, tmp_path):
    monkeypatch.setitem(open_client.CONFIG, "distributed.scheduler.allowed-failures", 1)
    source = smooth_images(tmp_path / "data", shape=(8, 8), count=40)
    expected = driver.files_of_run(source, tmp_path / "undisturbed")
    with open_fanout(Settings(workers=2)) as fanout:
        with pytest.raises(EigenwaveError, match=r"Shard \d+ ended its worker process 2 times, .* lack of memory"):
            driver.files_of_run(source, tmp_path / "disturbed", StarvedFanout(fanout, memory_group, stage))
        assert ended_by_the_kernel(memory_group) >= 4  # in the stage, and alone
        assert driver.files_of_run(source, tmp_path / "disturbed", fanout) == expected
    record("a shard is always ended by the kernel", tried=1, survived=1)


STOPPED_SECONDS = 2.0


@contextmanager
def waking(traces):
    """For the time of the block, workers that stopped go on some seconds later; gives their number so far."""
    ended, woken = threading.Event(), []

    def wake():
        while not ended.wait(0.1):
            for trace in traces.glob("*/*"):
                if trace not in woken and time.time() - trace.stat().st_mtime > STOPPED_SECONDS and trace.read_text():
                    woken.append(trace)
                    with suppress(ProcessLookupError):
                        os.kill(int(trace.read_text()), signal.SIGCONT)

    waker = threading.Thread(target=wake)
    waker.start()
    try:
        yield woken
    finally:
        ended.set()
        waker.join()


@pytest.mark.slow
def test_workers_are_stopped_for_a_while_in_every_stage(tmp_path):
    source = smooth_images(tmp_path / "data", shape=(8, 8), count=40)
    expected = driver.files_of_run(source, tmp_path / "undisturbed")
    traces = tmp_path / "traces"
    traces.mkdir()
    with waking(traces) as woken, open_fanout(Settings(workers=2)) as fanout:
        stopping = DeadlyFanout(fanout, traces, STOPPED)
        assert driver.files_of_run(source, tmp_path / "disturbed", stopping) == expected
    assert {trace.parent.name for trace in woken} == set(STAGES)
    record("worker stopped for a while", tried=len(woken), survived=len(woken))


@pytest.mark.soak
def test_a_worker_that_wakes_when_its_work_was_done_by_others(tmp_path):
    """Dask gives a worker up that is silent for long; it wakes after the run, and must change nothing then."""
    source = smooth_images(tmp_path / "data", shape=(8, 8), count=40)
    expected = driver.files_of_run(source, tmp_path / "undisturbed")
    silent = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10s"}
    for stage in STAGES:
        traces, folder = tmp_path / f"traces-{stage}", tmp_path / stage
        traces.mkdir()
        with dask_processes(tmp_path, free_port(0), workers=2, environment=silent) as (address, _):
            with open_fanout(Settings(cluster=address)) as fanout:
                stopping = StoppingFanout(fanout, traces, stage)
                assert driver.files_of_run(source, folder, stopping) == expected
            (trace,) = traces.glob("*/before")
            os.kill(int(trace.read_text()), signal.SIGCONT)
            time.sleep(STOPPED_SECONDS)  # it may write now
        assert list(verify(Workspace(folder), Workspace(folder).run("run"))) == []
    record("worker that wakes when others have done its work", tried=len(STAGES), survived=len(STAGES))


class StoppingFanout(DeadlyFanout):
    """Another fan-out, where one worker stops in one stage."""

    def __init__(self, fanout, traces, stage):
        super().__init__(fanout, traces, STOPPED)
        self.stage = stage

    def map_sum(self, function, shards, advance, result_bytes):
        if function.func.__name__ == self.stage and not (place := self.traces / self.stage).exists():
            place.mkdir()
            function = Deadly(function, place, shards[len(shards) // 2], -1, self.blow)
        return self.fanout.map_sum(function, shards, advance, result_bytes)
