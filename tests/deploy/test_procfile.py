"""The real processes of deploy/Procfile: Postgres, Redis, Prefect's server, services and worker, Dask over TLS."""

import base64
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import psutil
import pytest
from distributed import Client

from flows.workers.certificates import read_security
from storage.runs.run import open_run
from tests.runs import analyse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parent.parent.parent
SECONDS = 300


def program(name):
    """Where Debian puts the programs of its newest Postgres, if they are not on the path."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    return shutil.which(name) or (str(places[-1]) if places else None)


def free_ports(names):
    probes = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    found = {name: probe.getsockname()[1] for name, probe in probes.items()}
    for probe in probes.values():
        probe.close()
    return found


class Site:
    """An installation as README.md has it, in a folder of its own, on ports of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.ports = free_ports(["API_PORT", "POSTGRES_PORT", "REDIS_PORT", "DASK_PORT", "DASK_DASHBOARD_PORT"])
        self.password = secrets.token_hex(24)
        self.variables = self._variables()
        self.file = folder / ".env"
        self.file.write_text("".join(f"{name}={value}\n" for name, value in self.variables.items()))
        self.as_nobody = self._as_nobody()

    def _variables(self):
        text = (ROOT / "deploy" / ".env.example").read_text().replace("change-me", self.password)
        standard = {"API_PORT": 4200, "POSTGRES_PORT": 5432, "REDIS_PORT": 6379, "DASK_PORT": 8786}
        for name, port in standard.items():
            text = re.sub(rf"\b{port}\b", str(self.ports[name]), text)
        lines = [line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#")]
        return dict(lines) | {
            "EIGENWAVE_WORKSPACE": self.folder / "workspace",
            "EIGENWAVE_TLS": self.folder / "postgres" / "tls",
            "DASK_TEMPORARY_DIRECTORY": self.folder / "scratch",
            "POSTGRES_FOLDER": self.folder / "postgres" / "database",
            "PREFECT_HOME": self.folder / "prefect",
            "PREFECT_WORKER_QUERY_SECONDS": 1,  # instead of 10: nobody wants to wait here
            **self.ports,
        }

    def _as_nobody(self):
        """Words that make root an ordinary user: Postgres refuses to be run by root."""
        (self.folder / "postgres").mkdir()
        (self.folder / "bin").mkdir()
        user = next((user for user in pwd.getpwall() if user.pw_name == "postgres"), pwd.getpwnam("nobody"))
        words = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        if os.geteuid() == 0:
            self.folder.chmod(0o755)
            os.chown(self.folder / "postgres", user.pw_uid, user.pw_gid)
        else:
            words = []
        for name in ("postgres", "initdb"):
            path = self.folder / "bin" / name
            path.write_text(f'#!/bin/sh\nexec {" ".join(words)} {program(name)} "$@"\n')
            path.chmod(0o755)
        return words

    @property
    def environment(self):
        path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "EIGENWAVE"))}
        return inherited | {"PATH": path, "TMPDIR": str(self.folder)}

    def prepare(self):
        """Run deploy/prepare.sh: as the user that the database belongs to, who need not see the repository."""
        for name in ("prepare.sh", "certificates.sh"):
            shutil.copy(ROOT / "deploy" / name, self.folder / "bin" / name)
        tools = Path(program("initdb")).parent
        variables = self.environment | {name: str(value) for name, value in self.variables.items()}
        variables |= {"PATH": f"{tools}:/usr/bin:/bin", "TMPDIR": "/tmp"}  # noqa: S108
        command = [*self.as_nobody, str(self.folder / "bin" / "prepare.sh")]
        done = subprocess.run(command, env=variables, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def honcho(self, *words, **kwargs):
        command = [sys.executable, "-m", "honcho", "-e", str(self.file), *words]
        return subprocess.Popen(command, env=self.environment, cwd=ROOT, start_new_session=True, text=True, **kwargs)

    def do(self, *words):
        """Run a command with the variables of the file, as README.md does."""
        process = self.honcho("run", *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        told, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, told
        return told

    def get(self, path, body=None, password=None):
        credentials = base64.b64encode(f"eigenwave:{password or self.password}".encode()).decode()
        headers = {"authorization": f"Basic {credentials}", "content-type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        address = f"http://127.0.0.1:{self.ports['API_PORT']}/api/{path}"
        with urllib.request.urlopen(urllib.request.Request(address, content, headers)) as answer:
            return answer.read().decode()

    def ask(self, path, body=None):
        return json.loads(self.get(path, body))

    def wait_for(self, condition, what):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.5)
        return pytest.fail(f"{what} did not come:\n{(self.folder / 'log').read_text()}")

    def answers(self):
        try:
            return self.get("health") == "true"
        except urllib.error.URLError:
            return False


@pytest.fixture(scope="module")
def site():
    missing = [name for name in ("postgres", "initdb", "redis-server", "openssl") if program(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed; Debian has postgresql, redis-server and openssl")
    # Not in pytest's folder: the user that Postgres runs as could not reach it.
    with tempfile.TemporaryDirectory(prefix="eigenwave-site-") as name:
        site = Site(Path(name))
        site.prepare()
        with (site.folder / "log").open("w") as log:
            running = site.honcho("-f", "deploy/Procfile", "start", stdout=log, stderr=log)
        children = []
        try:
            site.wait_for(site.answers, "Prefect's server")
            children = psutil.Process(running.pid).children(recursive=True)
            yield site
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(60)
            _, alive = psutil.wait_procs(children, timeout=30)
            for process in alive:
                process.kill()
        assert alive == []


@pytest.fixture(scope="module")
def finished(site):
    """The digits, analysed by the deployment on-cluster."""
    site.do("deploy/register.sh")
    deployment = site.ask("deployments/name/analysis/on-cluster")
    run = site.ask(f"deployments/{deployment['id']}/create_flow_run", {})

    def state():
        found = site.ask(f"flow_runs/{run['id']}")["state"]
        return found if found["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None

    found = site.wait_for(state, "the end of the run")
    assert found["type"] == "COMPLETED", (found, (site.folder / "log").read_text())
    return open_run(site.folder / "workspace" / "latest")


def test_a_run_through_all_of_it_has_the_same_bits(finished, tmp_path):
    assert finished.manifest.settings["rank"] is None
    expected = analyse("digits", tmp_path)
    assert finished.patterns[:].tobytes() == expected.patterns[:].tobytes()
    assert finished.scores[:].tobytes() == expected.scores[:].tobytes()
    for name in ("patterns", "pattern_class", "learnability"):
        found, wanted = (run.tables[name].drop_columns("run_id") for run in (finished, expected))
        assert found.equals(wanted)
    assert np.isfinite(finished.patterns[:]).all()


def test_history_is_in_postgres_and_messages_in_redis(site, finished):  # noqa: ARG001 - after the run
    code = (
        "import asyncio, asyncpg, os\n"
        "async def count():\n"
        "    url = os.environ['PREFECT_SERVER_DATABASE_CONNECTION_URL'].replace('+asyncpg', '')\n"
        "    connection = await asyncpg.connect(url)\n"
        "    print(await connection.fetchval(\"SELECT count(*) FROM flow_run WHERE state_type = 'COMPLETED'\"))\n"
        "asyncio.run(count())\n"
        "import redis\n"
        "print(len(redis.Redis.from_url(os.environ['PREFECT_REDIS_MESSAGING_URL']).keys('*')) > 0)\n"
    )
    assert site.do("python", "-c", code).split()[-2:] == ["1", "True"]
    backup = "pg_dump --host 127.0.0.1 --port $POSTGRES_PORT --username prefect --format custom prefect"
    listed = site.do("sh", "-c", f"PGPASSWORD=$POSTGRES_PASSWORD {backup} | pg_restore --list")
    assert "TABLE DATA public flow_run prefect" in listed


def test_registering_again_doubles_nothing(site, finished):  # noqa: ARG001 - after the run
    site.do("deploy/register.sh")
    for kind in ("deployments", "automations"):
        names = [entry["name"] for entry in site.ask(f"{kind}/filter", {})]
        assert sorted(names) == sorted(set(names))
        assert names


def test_nobody_gets_in_without_the_password(site):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        site.get("flows/filter", {}, password="guessed")  # noqa: S106
    wrong = site.variables["PREFECT_SERVER_DATABASE_CONNECTION_URL"].replace("+asyncpg", "").replace(site.password, "x")
    code = (
        "import asyncio, asyncpg, sys, redis\n"
        "try: asyncio.run(asyncpg.connect(sys.argv[1]))\n"
        "except asyncpg.InvalidPasswordError: print('refused')\n"
        "try: redis.Redis(port=int(sys.argv[2])).ping()\n"
        "except redis.AuthenticationError: print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, wrong, str(site.ports["REDIS_PORT"])], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["refused", "refused"]


def documented(process):
    """Names of the numbers that docs/operating.md recommends for a process."""
    page = (ROOT / "docs" / "operating.md").read_text()
    (row,) = re.findall(rf"^\| {process} \| .* \| .* \| (.*) \|$", page, re.MULTILINE)
    return re.findall(r"`(\w+)`", row)


def test_prometheus_gets_its_numbers(site, finished):  # noqa: ARG001 - after the run
    numbers = {"Prefect server": site.get("metrics")}
    client = Client(
        site.variables["EIGENWAVE_CLUSTER"],
        security=read_security(site.variables["EIGENWAVE_TLS"]),
        set_as_default=False,
    )
    with client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        ports = [worker["services"]["dashboard"] for worker in workers]
    assert len(ports) == 2
    for process, port in (("Dask scheduler", site.ports["DASK_DASHBOARD_PORT"]), ("Dask worker", ports[0])):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            numbers[process] = answer.read().decode()
    for process, text in numbers.items():
        assert len(documented(process)) >= 3
        for name in documented(process):
            assert re.search(rf"^{name}(\{{| )", text, re.MULTILINE), f"{process}: {name}"


def test_everything_listens_on_the_loopback_interface_only(site):
    found = {
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.status == "LISTEN" and connection.laddr.port in site.ports.values()
    }
    assert found == {"127.0.0.1"}
