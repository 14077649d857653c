import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

from flows.tracking.serve import make_database
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.run.begin import begin_run
from tests import gcs, stores

# Examples may take as long as a busy machine needs. `--hypothesis-profile` still chooses another profile.
hypothesis.settings.register_profile("eigenwave", deadline=None)
hypothesis.settings.load_profile("eigenwave")

EIGENWAVE = str(Path(sys.executable).with_name("eigenwave"))
SERVER_SECONDS = 120


@contextlib.contextmanager
def serving_prefect(home):
    """A real Prefect server on the loopback interface with its own database; gives its API address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if not (home / "prefect.db").exists():
        make_database(home / "prefect.db")  # its migrations would take as long as many tests
    environment = os.environ | {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}/api"
    try:
        _wait_for(address, server, home / "log")
        yield address, server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory):
    """Folder where the test server keeps its database and its log."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def prefect_server(prefect_home):
    """Address of the API of a Prefect server."""
    with serving_prefect(prefect_home) as (address, _):
        yield address
        from prefect.logging.handlers import APILogWorker  # noqa: PLC0415 - slow to import

        APILogWorker.drain_all(timeout=5)


def ask(server, path, body=None):
    """The answer of a Prefect server."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server}/{path}", content, {"content-type": "application/json"})  # noqa: S310
    for _ in range(20):
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 503:  # its database is busy, and clients come again
                raise
            time.sleep(0.5)
    return pytest.fail(f"the server answers {path} with 503 again and again")


def _wait_for(address, server, log):
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/health"):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            error.close()
        except urllib.error.URLError:
            pass
        time.sleep(0.1)
    pytest.fail(f"the Prefect server did not start:\n{log.read_text()}")


@pytest.fixture
def prefect(prefect_server, monkeypatch):
    """Flows called in this process, and commands it starts, report to the test server."""
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415 - slow to import

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield prefect_server


@pytest.fixture
def eigenwave(prefect_server, tmp_path):
    """Run the command as a user would; gives the finished process."""

    def run(*words, cwd=tmp_path, **environment):
        variables = os.environ | {"PREFECT_API_URL": prefect_server, "COLUMNS": "120"} | environment
        return subprocess.run(
            [EIGENWAVE, *map(str, words)], cwd=cwd, env=variables, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="session")
def s3_server():
    """Address and environment of an S3 bucket."""
    with stores.s3() as store:
        yield store


@pytest.fixture(scope="session")
def azure_server():
    """Address and environment of an Azure container."""
    with stores.azure() as store:
        yield store


@pytest.fixture(scope="session")
def gcs_server():
    """Address and environment of a bucket of Google Cloud Storage."""
    with gcs.gcs() as store:
        yield store


@pytest.fixture(params=["local", "s3", "gs", "az"])
def address(request, tmp_path, monkeypatch):
    """Address of a fresh workspace, in a local folder and in object stores."""
    return str(tmp_path / "store") if request.param == "local" else _in_store(request, monkeypatch)


@pytest.fixture(params=["s3", "gs", "az"])
def bucket(request, monkeypatch):
    """Address of an empty place in each kind of object store."""
    return _in_store(request, monkeypatch)


def _in_store(request, monkeypatch):
    servers = {"s3": "s3_server", "gs": "gcs_server", "az": "azure_server"}
    server, environment = request.getfixturevalue(servers[request.param])
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return f"{server}/{uuid.uuid4().hex}"


def local(path):
    """Where a file or folder of a local workspace lies."""
    return Path(str(path))


def write_images(folder, shape=(8, 8, 3), classes=("cat", "dog"), count=12, suffix=".png", seed=0):
    """Class folders of random images whose mean brightness depends on the class."""
    random = np.random.default_rng(seed)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for row in range(count):
            pixels = random.integers(0, 200, shape, dtype=np.uint8) + np.uint8(40 * number)
            Image.fromarray(pixels.squeeze()).save(folder / name / f"{row:03d}{suffix}")
    return folder


@pytest.fixture
def class_folders(tmp_path):
    """A small dataset of two classes."""
    return write_images(tmp_path / "dataset")


@pytest.fixture
def make_job(tmp_path):
    """Lay out a run in a fresh workspace."""

    def make(source, **settings):
        workspace = Workspace(tmp_path / "workspace")
        workspace.prepare()
        return begin_run(str(source), Settings(**settings), workspace)

    return make


@pytest.fixture
def real_data():
    """Folder with the real datasets cifar10/ (class folders in train/ and test/) and mnist-t10k/ (IDX files)."""
    folder = os.environ.get("EIGENWAVE_DATA")
    if folder is None:
        pytest.skip("EIGENWAVE_DATA does not name a folder with cifar10/ and mnist-t10k/")
    return Path(folder)
