"""A network that is cut while a run computes: a virtual cable between two network namespaces is unplugged."""

import os
from contextlib import ExitStack

import dask
import pytest

from flows.workers.client import open_client
from flows.workers.dask import DaskFanout
from storage.errors import ClusterLostError
from storage.settings import Settings
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.table import record
from tests.hosts import SILENCE, ip, namespaces, process
from tests.processes import listens, wait_for

HERE, THERE, PORT = "10.213.7.1", "10.213.7.2", 18786


@pytest.fixture
def far():
    """A network namespace that a cable joins with this one; its name, which is that of the cable's end in it too."""
    near, far = f"near{os.getpid() % 10**6}", f"far{os.getpid() % 10**6}"
    with namespaces(far):
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", far)
        for words, address, device in (((), HERE, near), (("-n", far), THERE, far)):
            ip(*words, "addr", "add", f"{address}/24", "dev", device)
            ip(*words, "link", "set", device, "up")
        yield far


class CutFanout:
    """Another fan-out, that has the cable unplugged when two shards of a stage are done."""

    def __init__(self, fanout, far, stage):
        self.fanout, self.far, self.stage, self.cut = fanout, far, stage, False

    def map_sum(self, function, shards, advance, result_bytes):
        done = iter(range(1, len(shards) + 1))

        def counted():
            if next(done) == 2 and function.func.__name__ == self.stage and not self.cut:
                ip("-n", self.far, "link", "set", self.far, "down")
                self.cut = True
            advance()

        return self.fanout.map_sum(function, shards, counted, result_bytes)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return smooth_images(tmp_path_factory.mktemp("data"), shape=(8, 8), count=40)


@pytest.fixture(scope="module")
def expected(source, tmp_path_factory):
    return driver.files_of_run(source, tmp_path_factory.mktemp("expected"))


def worker(host):
    return "worker", f"tcp://{host}:{PORT}", "--nthreads", "1", "--no-nanny"


@pytest.mark.slow
def test_a_run_goes_on_without_the_workers_that_are_cut_off(source, expected, far, tmp_path):
    with ExitStack() as stack:
        stack.enter_context(dask.config.set({"distributed.comm.timeouts.tcp": SILENCE}))
        scheduler = stack.enter_context(process(tmp_path, "scheduler", "--host", HERE, "--port", str(PORT)))
        wait_for(lambda: listens(HERE, PORT), scheduler, tmp_path / "dask.log")
        for host, inside in ((HERE, None), (THERE, far)):
            stack.enter_context(process(tmp_path, *worker(HERE), "--host", host, inside=inside))
        settings = Settings(cluster=f"tcp://{HERE}:{PORT}", allow_unencrypted=True)
        client = stack.enter_context(open_client(settings))
        client.wait_for_workers(2, timeout=60)
        cutting = CutFanout(DaskFanout(client), far, "project_shard")
        assert driver.files_of_run(source, tmp_path / "workspace", cutting) == expected
        assert cutting.cut
        assert [worker.split(":")[1] for worker in client.scheduler_info()["workers"]] == [f"//{HERE}"]
    record("worker cut off the network", tried=1, survived=1)


@pytest.mark.soak
def test_a_run_that_is_cut_off_its_cluster_is_told_and_continued(source, expected, far, tmp_path):
    settings = Settings(cluster=f"tcp://{THERE}:{PORT}", allow_unencrypted=True)
    with ExitStack() as stack:
        stack.enter_context(dask.config.set({"distributed.comm.timeouts.tcp": SILENCE}))
        words = ("--host", THERE, "--port", str(PORT))
        scheduler = stack.enter_context(process(tmp_path, "scheduler", *words, inside=far))
        wait_for(lambda: listens(THERE, PORT), scheduler, tmp_path / "dask.log")
        stack.enter_context(process(tmp_path, *worker(THERE), "--host", THERE, inside=far))
        with pytest.raises(ClusterLostError, match="was lost in the middle"), open_client(settings) as client:
            driver.files_of_run(source, tmp_path / "workspace", CutFanout(DaskFanout(client), far, "transform_shard"))
        ip("-n", far, "link", "set", far, "up")
        with open_client(settings) as client:
            assert driver.files_of_run(source, tmp_path / "workspace", DaskFanout(client)) == expected
    record("driver cut off its cluster", tried=1, survived=1)
