import re
import shutil
import signal
import time
from functools import partial

import dask
import pytest
import trustme
from distributed import LocalCluster

from flows import stages
from flows.workers.certificates import read_security
from flows.workers.client import open_client, require_safe
from flows.workers.fanout import InlineFanout
from flows.workers.local_cluster import free_port
from flows.workers.open import open_fanout
from storage.errors import ClusterLostError, EigenwaveError, InputError
from storage.settings import Settings
from tests.datasets import write_images
from tests.processes import dask_processes, noise
from tests.structure import ROOT


def certificates(folder, authority=None):
    """A folder as Kubernetes mounts it, of an authority of its own."""
    authority = authority or trustme.CA()
    folder.mkdir()
    own = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(folder / "ca.crt")
    own.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    own.private_key_pem.write_to_path(folder / "tls.key")
    return folder


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "tcp://localhost:1", "tls://far:1", "inproc://x", "tcp://[::1]:8"]
)
def test_safe_addresses(address):
    require_safe(address, allow=False)


@pytest.mark.parametrize("address", ["tcp://10.0.0.7:8786", "tcp://scheduler:8786", "tcp://0.0.0.0:1", "ws://far:1"])
def test_an_open_cluster_is_refused_unless_it_is_wanted(address):
    with pytest.raises(InputError, match="is not encrypted and would run code from anybody in its network"):
        require_safe(address, allow=False)
    require_safe(address, allow=True)


def test_an_open_scheduler_is_refused_before_it_is_asked():
    with pytest.raises(InputError, match="--allow-unencrypted"), open_client(Settings(cluster="tcp://192.0.2.1:8786")):
        pass


def test_a_cluster_over_tls(tmp_path):
    folder = certificates(tmp_path / "tls")
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="tls://127.0.0.1",
        security=read_security(folder),
        dashboard_address="127.0.0.1:0",
    )
    with cluster:
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        with open_fanout(Settings(cluster=address, tls=folder)) as fanout:
            assert fanout.map_sum(partial(noise, 10), range(20), int, 1).shape == (10,)
        stranger = certificates(tmp_path / "stranger")
        for wrong in (Settings(cluster=address, tls=stranger), Settings(cluster=address)):
            with pytest.raises(InputError, match="No Dask scheduler answers at tls://"), open_client(wrong):
                pass


CLASS = {
    "cluster": "distributed.LocalCluster",
    "cluster_options": {
        "n_workers": 0,
        "threads_per_worker": 1,
        "host": "127.0.0.1",
        "dashboard_address": "127.0.0.1:0",
    },
}


def test_a_cluster_class_grows_to_the_workers_asked_for():
    with open_client(Settings(**CLASS, workers=2)) as client:
        client.wait_for_workers(2, timeout=20)


@pytest.mark.slow
def test_an_adaptive_cluster_gives_the_same_bits():
    settings = Settings(**CLASS, workers=2, fewest_workers=1)
    with open_fanout(settings) as fanout:
        spread = fanout.map_sum(partial(noise, 100), range(30), int, 1)
    assert (spread == InlineFanout().map_sum(partial(noise, 100), range(30), int, 1)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cluster": "no_such_package.Cluster"}, "no_such_package.Cluster cannot be imported"),
        ({"cluster": "distributed.NoCluster"}, "cannot be imported"),
        ({"cluster": "os.path"}, "is not a Dask cluster class"),
        (
            {
                "cluster": "distributed.LocalCluster",
                "cluster_options": {"bogus": 1, "dashboard_address": "127.0.0.1:0"},
            },
            "did not start: .*bogus",
        ),
        (
            CLASS | {"cluster_options": CLASS["cluster_options"] | {"host": "0.0.0.0"}},  # noqa: S104
            "--allow-unencrypted",
        ),
    ],
)
def test_a_class_that_cannot_be_used_is_one_sentence(settings, message):
    with pytest.raises(InputError, match=message), open_client(Settings(**settings)):
        pass


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cluster": "nonsense"}, "neither auto, nor local, nor inline"),
        ({"workers": 2, "fewest_workers": 3}, "fewest_workers = 3 is above workers = 2"),
        ({"cluster_options": "{"}, "cluster_options = ... (from the command line) is not allowed: Expecting"),
    ],
)
def test_settings_of_a_cluster(given, message):
    with pytest.raises(InputError, match=re.escape(message)):
        Settings.load(given)
    assert Settings.load({"cluster_options": '{"cores": 4}'}).execution.cluster_options == {"cores": 4}


def test_workers_that_do_not_start_here_are_told_in_one_sentence(monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__WORKER__PRELOAD", '["no_such_module"]')
    dask.config.refresh()
    message = (
        r"worker processes did not start on this machine \(No module named 'no_such_module'\); use fewer --workers"
    )
    try:
        with pytest.raises(EigenwaveError, match=message), open_client(Settings(workers=1)):
            pass
    finally:
        monkeypatch.undo()
        dask.config.refresh()


def test_a_scheduler_without_workers_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("flows.workers.client.FIRST_WORKER_SECONDS", 1)
    with (
        dask_processes(tmp_path, free_port(0), workers=0) as (address, _),
        pytest.raises(ClusterLostError, match="had no worker for 1 seconds"),
        open_client(Settings(cluster=address)),
    ):
        pass


@pytest.fixture
def job(tmp_path, make_job):
    return make_job(write_images(tmp_path / "data"), rank=3)


def test_workers_that_do_not_see_the_workspace_or_are_too_small_are_refused(job):
    with open_fanout(Settings(workers=1, memory_limit="256MiB")) as fanout:
        with pytest.raises(InputError, match="raise --memory-limit"):
            stages.check_workers(job, fanout)
        job.paths.plan.unlink()
        with pytest.raises(EigenwaveError, match=r"The worker tls://\S+ does not see .*plan.json; use a workspace"):
            stages.check_workers(job, fanout)
    with pytest.raises(EigenwaveError, match="This process does not see"):
        stages.check_workers(job, InlineFanout())


@pytest.mark.slow
def test_other_code_and_missing_code_are_refused(tmp_path, job):
    other = tmp_path / "other"
    for package in ("flows", "tasks", "storage"):
        shutil.copytree(ROOT / package, other / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "tasks" / "wavelet" / "bands.py").open("a") as file:
        file.write("# newer")
    with (
        dask_processes(tmp_path, free_port(0), environment={"PYTHONPATH": str(other)}) as (address, _),
        open_fanout(Settings(cluster=address)) as fanout,
    ):
        with pytest.raises(EigenwaveError, match=r"runs other code \(\w{12}\) than this process"):
            stages.check_workers(job, fanout)
        with pytest.raises(EigenwaveError, match="A worker that joined late runs other code"):
            fanout.map_sum(partial(noise, 10), range(2), int, 1)
    without = "sys.modules |= dict.fromkeys(('flows', 'tasks', 'storage'))"
    with (
        dask_processes(tmp_path, free_port(0), code=without) as (address, _),
        open_fanout(Settings(cluster=address)) as fanout,
        pytest.raises(EigenwaveError, match=r"The (worker|scheduler) \S+ has another eigenwave, or none"),
    ):
        stages.check_workers(job, fanout)


def slow_noise(shard):
    time.sleep(0.3)
    return noise(10, shard)


def test_a_scheduler_that_dies_is_told_as_a_loss(tmp_path):
    with (
        dask_processes(tmp_path, free_port(0)) as (address, (scheduler, _)),
        open_fanout(Settings(cluster=address)) as fanout,
        pytest.raises(ClusterLostError, match=f"The Dask cluster at {address} was lost in the middle"),
    ):
        fanout.map_sum(slow_noise, range(50), lambda: scheduler.send_signal(signal.SIGKILL), 1)
