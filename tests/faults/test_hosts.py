"""A run on several hosts, one of which vanishes or can hardly be reached."""

import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import dask
import pytest

from flows.workers.client import open_client
from flows.workers.dask import DaskFanout
from storage.runs.run import open_run
from storage.settings import Settings
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.proxy import proxy, through
from tests.faults.table import record
from tests.hosts import HERE, SILENCE, cluster, hosts

WORKERS = 3


class EventfulFanout:
    """Another fan-out; something happens once, when two shards of a stage are done."""

    def __init__(self, fanout, stage, act):
        self.fanout, self.stage, self.act, self.happened = fanout, stage, act, False

    def map_sum(self, function, shards, advance, result_bytes):
        done = iter(range(1, len(shards) + 1))

        def counted():
            if next(done) == 2 and function.func.__name__ == self.stage and not self.happened:
                self.happened = True
                self.act()
            advance()

        return self.fanout.map_sum(function, shards, counted, result_bytes)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return smooth_images(tmp_path_factory.mktemp("data"), shape=(8, 8), count=40)


@pytest.fixture(scope="module")
def expected(source, tmp_path_factory):
    return driver.files_of_run(source, tmp_path_factory.mktemp("expected"))


@pytest.fixture
def made():
    with hosts(1 + WORKERS) as made:
        yield made


def disturbed(made, source, place, folder, stage, act):
    """The files of a run on several hosts, to which `act(hosts)` happens in a stage; and how many workers are left."""
    with ExitStack() as stack:
        stack.enter_context(dask.config.set({"distributed.comm.timeouts.tcp": SILENCE}))
        address = stack.enter_context(cluster(made, folder))
        client = stack.enter_context(open_client(Settings(cluster=address, allow_unencrypted=True)))
        client.wait_for_workers(WORKERS, timeout=60)
        fanout = EventfulFanout(DaskFanout(client), stage, lambda: act(made))
        begun = time.monotonic()
        paths = driver.analyse(source, place, fanout=fanout, shard_size=2**12)
        print(f"{time.monotonic() - begun:.0f} s")  # noqa: T201 - for the table of docs/faults.md
        assert fanout.happened
        return open_run(paths.folder).manifest.files, len(client.scheduler_info(n_workers=-1)["workers"])


FAULTS = {
    "one vanishes": (lambda made: made.unplug(1), WORKERS - 1),
    "the link of one gets slow": (lambda made: made.slow_down(1), WORKERS),
    "the links of all get slow": (lambda made: [made.slow_down(number) for number in range(1 + WORKERS)], WORKERS),
}


@pytest.mark.slow
def test_the_link_of_a_host_gets_slow(made, source, expected, tmp_path):
    act, left = FAULTS["the link of one gets slow"]
    assert disturbed(made, source, tmp_path / "workspace", tmp_path, "project_shard", act) == (expected, left)
    record("several hosts, shared folder: the link of one gets slow", tried=1, survived=1)


@pytest.mark.soak
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("where", "stage"), [("S3", "project_shard"), ("shared folder", "transform_shard")])
def test_a_host_fails(made, source, expected, s3_server, monkeypatch, tmp_path, where, fault, stage):
    act, left = FAULTS[fault]
    with ExitStack() as stack:
        place = tmp_path / "workspace"
        if where == "S3":
            target = urlsplit(s3_server[1]["AWS_ENDPOINT_URL"]).netloc
            through(stack.enter_context(proxy(target, "none", 0, HERE)), s3_server, monkeypatch)
            place = f"{s3_server[0]}/{tmp_path.name}"
        assert disturbed(made, source, place, tmp_path, stage, act) == (expected, left)
    record(f"several hosts, {where}: {fault}", tried=1, survived=1)
