"""A local cluster refuses clients without its key: those without TLS, and those with another key."""

import os
import stat
from functools import partial

import pytest
from distributed import Client, LocalCluster

from flows.workers.certificates import new_security, read_security, write_security
from flows.workers.client import open_client
from flows.workers.local_cluster import local_cluster
from storage.errors import InputError
from storage.setting_groups import Execution
from storage.settings import Settings
from tests.second_user import as_second_user

# Asks every address for what it would tell a friend, in each way in which a stranger can.
IMPORTS = """
import asyncio, sys
from distributed import Security
from distributed.core import rpc
mine = Security.temporary()
"""
STRANGER = """
async def asked(address, security):
    try:
        arguments = security.get_connection_args("client") if security else {}
        async with asyncio.timeout(20):
            async with rpc(address, connection_args=arguments, timeout="3s") as peer:
                return "entered as " + (await peer.identity())["type"]
    except Exception as error:
        return "refused: " + type(error).__name__

async def main():
    for address in sys.argv[1:]:
        plain, encrypted = (address.replace("tls://", f"{scheme}://") for scheme in ("tcp", "tls"))
        print(await asked(plain, None))
        print(await asked(encrypted, mine))

asyncio.run(main())
"""


def doors(client):
    """Addresses of the scheduler, of a worker, and of the nanny that started it."""
    found = client.scheduler_info(n_workers=-1)
    address, worker = next(iter(found["workers"].items()))
    return [found["address"], address, worker["nanny"]]


def test_another_user_is_refused_by_scheduler_worker_and_nanny():
    with open_client(Settings(workers=1)) as client:
        addresses = doors(client)
        assert all(address.startswith("tls://127.0.0.1:") for address in addresses)
        told = as_second_user(IMPORTS, STRANGER, *addresses).split("\n")[:-1]
        assert client.submit(os.getpid).result() != os.getpid()
    assert len(told) == 6
    assert all(line.startswith("refused") for line in told), told


def test_another_user_gets_into_a_cluster_that_dask_starts_by_itself():
    """What the test above looks for is there to be found."""
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**options) as cluster, Client(cluster, set_as_default=False) as client:
        told = as_second_user(IMPORTS, STRANGER, *doors(client)).split("\n")
    assert told[0::2][:3] == ["entered as Scheduler", "entered as Worker", "entered as Nanny"]


def test_certificates_are_files_that_only_their_user_reads(tmp_path):
    write_security(new_security(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"ca.crt", "tls.crt", "tls.key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    with pytest.raises(FileExistsError):
        write_security(new_security(), tmp_path)


def test_a_cluster_is_reached_with_the_written_certificates_and_no_others(tmp_path):
    security = new_security()
    for name, content in (("own", security), ("other", new_security())):
        (tmp_path / name).mkdir()
        write_security(content, tmp_path / name)
    with local_cluster(Execution(workers=1), security) as cluster:
        reached = partial(Settings, cluster=cluster.scheduler_address)
        with open_client(reached(tls=tmp_path / "own")) as client:
            assert client.submit(abs, -3).result() == 3
        for wrong in (reached(tls=tmp_path / "other"), reached()):
            with pytest.raises(InputError, match="No Dask scheduler answers at tls://"), open_client(wrong):
                pass


def test_keys_of_a_run_are_in_no_file_and_no_command_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with open_client(Settings(workers=1)):
        kept = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert not [path for path in kept if b"PRIVATE KEY" in path.read_bytes()]
        folders = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert folders == {0o700}


def test_missing_certificates_are_named(tmp_path):
    with pytest.raises(InputError, match=r"has no ca.crt and no tls.crt and no tls.key"):
        read_security(tmp_path)
