import os
import signal
import uuid
from pathlib import Path

import hypothesis
import pytest
from PIL import Image

from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.run.begin import begin_run
from tests import gcs, soak, stores
from tests.commands import run_command
from tests.datasets import smooth_images, write_images
from tests.order import longest_first
from tests.processes import serving_prefect
from tests.runs import SMALL, analyse, contents

# Examples may take as long as a busy machine needs. `--hypothesis-profile` still chooses another profile.
hypothesis.settings.register_profile("eigenwave", deadline=None)
hypothesis.settings.load_profile("eigenwave")

# A shell starts background jobs with SIGINT ignored, and so would be every command that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header(config):
    """Show the seed of `make soak`."""
    return f"soak: seed {soak.SEED}, {soak.SECONDS:g} s a test" if config.option.markexpr == "soak" else None


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, and let a test of `make soak` take its given time, and one more round."""
    longest_first(items)
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(soak.SECONDS + 1800))


@pytest.fixture
def hangups_end():
    """Processes that the test starts do not ignore SIGHUP, even if the tests were started by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


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


@pytest.fixture
def prefect(prefect_server, monkeypatch):
    """Make flows called in this process, and commands that it starts, report to the test server."""
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415 - slow to import

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield prefect_server


@pytest.fixture
def eigenwave(prefect_server, tmp_path):
    """A function that runs the command as a user would, and returns the finished process."""

    def run(*words, cwd=tmp_path, **environment):
        variables = os.environ | {"PREFECT_API_URL": prefect_server, "COLUMNS": "120"} | environment
        return run_command(words, cwd, variables)

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


@pytest.fixture
def class_folders(tmp_path):
    """A small dataset of two classes."""
    return write_images(tmp_path / "dataset")


@pytest.fixture(scope="session")
def drifting(tmp_path_factory):
    """Runs for tests that only read them: one, a second of the same images, a third after the images changed.

    Gives their workspace and the three. Before the third a class came, an image went and one was replaced. What a test
    asks them about would stand in the reports that others write, so it asks a copy of them.
    """
    folder = tmp_path_factory.mktemp("drifting")
    source, workspace = smooth_images(folder / "data", count=60), Workspace(folder / "workspace")
    first, same = (analyse(source, workspace.address, run_id=name, report=True, **SMALL) for name in ("run-1", "run-2"))
    (source / "a" / "0000.png").unlink()
    Image.new("L", (16, 16), 200).save(source / "b" / "0001.png")
    smooth_images(source, count=40, seed=3, start=600, classes=("d",))
    later = analyse(source, workspace.address, run_id="run-3", report=True, **SMALL)
    before = contents(workspace)
    yield workspace, first, same, later
    written = {key for key, _ in contents(workspace).items() ^ before.items()}
    # Comparisons are kept beside the runs, and are no part of what is read of these.
    assert not [key for key in written if not key.startswith(("comparisons/", "lock"))]


@pytest.fixture
def make_job(tmp_path):
    """A function that begins a run in a fresh workspace and returns its job."""

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
