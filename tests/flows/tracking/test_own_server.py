"""The server that a command starts, as a real process."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from flows.tracking import own_server as module
from flows.tracking.own_server import OwnServer, own_server
from storage.errors import EigenwaveError


def ask(address, password=None):
    """The status and the answer of a server, past any proxy."""
    request = urllib.request.Request(address)  # noqa: S310
    if password:
        request.add_header("Authorization", "Basic " + base64.b64encode(password.encode()).decode())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, None


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def server(cache):
    """A server whose starter's environment would keep any other from starting."""
    odd = {
        "EIGENWAVE_CACHE": str(cache),
        "PREFECT_LOGGING_LEVEL": "nonsense",
        "PREFECT_HOME": __file__,
        "PREFECT_SERVER_API_PORT": "nonsense",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "nonsense",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in odd.items():
            patch.setenv(name, value)
        with own_server() as started:
            started.wait()
            yield started


def test_it_answers_on_the_loopback_interface_alone(server):
    assert ask(f"{server.api}/version", server.password)[0] == 200
    listening = [it for it in psutil.Process(server.pid).net_connections() if it.status == psutil.CONN_LISTEN]
    assert {it.laddr.ip for it in listening} == {"127.0.0.1"}


@pytest.mark.parametrize("path", ["version", "flows/count", "admin/settings"])
def test_it_asks_for_the_password_of_the_run(server, path):
    assert ask(f"{server.api}/{path}") == (401, None)
    assert ask(f"{server.api}/{path}", "eigenwave:guess") == (401, None)


def test_the_password_is_on_no_command_line(server):
    assert server.password.split(":")[1] not in " ".join(psutil.Process(server.pid).cmdline())


@pytest.mark.usefixtures("server")
def test_what_it_keeps_is_readable_by_its_user_only(cache):
    kept = list((cache / "prefect").iterdir())
    assert any(path.name.endswith(".db") for path in kept)
    assert {path.stat().st_mode & 0o077 for path in kept} == {0}


def test_it_connects_to_nobody(server):
    ours = {it.laddr.port for it in psutil.Process(server.pid).net_connections("inet")}
    assert ours == {int(server.address.rpartition(":")[2])}


def test_stopping_ends_it_soon(monkeypatch, cache):
    monkeypatch.setenv("EIGENWAVE_CACHE", str(cache))
    server = OwnServer()
    start = time.monotonic()
    server.stop()  # while it starts
    assert time.monotonic() - start < 3
    assert not psutil.pid_exists(server.pid)


STARTER = """
import sys, time
from flows.tracking.own_server import OwnServer
server = OwnServer()
{wait}
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("wait", ["", pytest.param("server.wait()", marks=pytest.mark.slow)])
def test_it_ends_with_a_starter_that_is_killed(tmp_path, wait):
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER.format(wait=wait)],
        env=os.environ | {"EIGENWAVE_CACHE": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with starter:
        server = psutil.Process(int(starter.stdout.readline()))
        starter.send_signal(signal.SIGKILL)
    psutil.wait_procs([server], timeout=5)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


def test_a_cache_that_cannot_be_written_costs_the_history_only(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EIGENWAVE_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with own_server() as server:
        server.wait()
        assert ask(f"{server.api}/version", server.password)[0] == 200
        assert len(list(tmp_path.glob("eigenwave-prefect-*/prefect-*.db"))) == 1
    assert not list(tmp_path.glob("eigenwave-prefect-*"))


def fake(monkeypatch, tmp_path, code):
    """Another program in the server's place."""
    path = tmp_path / "serve.py"
    path.write_text(code, encoding="utf-8")
    monkeypatch.setattr(module.serve, "__file__", str(path))


def test_a_server_that_does_not_start_is_one_sentence_and_its_words_are_kept(monkeypatch, tmp_path):
    fake(monkeypatch, tmp_path, "import sys; print('Traceback ...'); sys.exit('ValueError: the reason')")
    with own_server() as server, pytest.raises(EigenwaveError) as caught:
        server.wait()
    assert "ended before it answered (ValueError: the reason); run again, or set PREFECT_API_URL" in str(caught.value)
    assert "Traceback ..." in str(caught.value.__cause__)


def test_a_server_that_does_nothing_is_given_up(monkeypatch, tmp_path):
    fake(monkeypatch, tmp_path, "import sys; sys.stdin.read()")
    monkeypatch.setattr(module, "STALLED_SECONDS", 1.0)
    with own_server() as server, pytest.raises(EigenwaveError, match=r"did nothing for 1 seconds \(it said nothing\)"):
        server.wait()


def test_a_server_that_works_is_waited_for_and_told_of(monkeypatch, tmp_path):
    slow = "import os, time\nstart = time.monotonic()\nprint('step: importing', flush=True)\n"
    slow += "while time.monotonic() - start < 2: sum(range(9999))\nprint('step: ready', flush=True)\ninput()"
    fake(monkeypatch, tmp_path, slow)
    monkeypatch.setattr(module, "STALLED_SECONDS", 1.0)
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.2)
    told = []
    with own_server() as server:
        server.wait(told.append)
    assert told[-1] == "waiting for Prefect's server (importing) ..."
    assert len(told) <= 2


def test_a_port_that_is_taken_is_an_error(server):
    with pytest.raises(OSError, match="in use"):
        OwnServer(int(server.address.rpartition(":")[2]))


def test_nothing_of_the_project_is_imported_by_it():
    source = Path(module.serve.__file__).read_text(encoding="utf-8")
    assert not [line for line in source.splitlines() if line.startswith(("from flows", "from storage", "from tasks"))]
