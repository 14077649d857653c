"""SIGKILL of Dask workers in every stage of a run, before and after their results are on disk."""

import os
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from flows.workers.open import open_fanout
from storage.settings import Settings
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.table import record

STAGES = {
    "transform_shard": "transform",
    "project_shard": "project",
    "search_shards": "neighbours",
    "summarise_shards": "summarise",
    "judge_shards": "judge",
}


@dataclass(frozen=True)
class Deadly:
    """A function of a shard whose first call for one shard ends the worker before, and for another after."""

    function: partial
    traces: Path
    before: int
    after: int

    def __call__(self, shard):
        self.die("before", shard == self.before)
        result = self.function(shard)
        self.die("after", shard == self.after)
        return result

    def die(self, when, here):
        trace = self.traces / when
        if here and not trace.exists():
            trace.touch()
            os.kill(os.getpid(), signal.SIGKILL)


class DeadlyFanout:
    """Another fan-out, where two workers die in each stage, of several passes in the first."""

    def __init__(self, fanout, traces):
        self.fanout, self.traces = fanout, traces

    def map_sum(self, function, shards, advance, result_bytes):
        place = self.traces / function.func.__name__
        if not place.exists():
            place.mkdir()
            turn = len(list(self.traces.iterdir()))
            function = Deadly(function, place, shards[turn % len(shards)], shards[(turn + 3) % len(shards)])
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
