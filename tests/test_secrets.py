"""Credentials stay in the environment: a canary is searched for in everything that a run writes, prints and sends."""

import asyncio
import http.server
import pickle
import threading
import traceback
import uuid

import jsonschema
import pytest
from distributed import Client, LocalCluster
from distributed.comm import tcp
from distributed.comm.utils import to_frames

from flows.stages import check_workers, transform
from flows.stages import silent as no_progress
from flows.workers.dask import DaskFanout
from storage.arrays.zarr import open_array
from storage.credentials import PLAIN, from_environment, holds_secret
from storage.datasets.remote_files import remote_files
from storage.errors import EigenwaveError, InputError
from storage.formats.open import open_source
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.files import write_file
from storage.stores.open import open_path
from storage.tables.parquet import read_table
from tasks.run.begin import begin_run
from tests.datasets import smooth_images
from tests.stores import upload

CANARY = "canary"  # part of every credential that tests use
SMALL = ("--rank", "2", "--permutations", "2", "--no-scales")
SECRET_ADDRESSES = (
    "s3://id:canary@bucket/data",
    "az://container/data?sv=2021&sig=canary",
    "https://user:canary@127.0.0.1:9/data.tar",
    "https://127.0.0.1:9/data.tar?X-Amz-Signature=canary",
)


@pytest.fixture
def bucket(s3_server, monkeypatch, tmp_path):
    """A dataset in a bucket; its credentials, which hold the canary, are in the environment."""
    server, environment = s3_server
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    address = f"{server}/{uuid.uuid4().hex}"
    upload(smooth_images(tmp_path / "data", shape=(8, 8), count=12), f"{address}/data")
    return address


@pytest.mark.slow
def test_a_run_leaves_no_credentials_behind(bucket, eigenwave, prefect_home, tmp_path):
    given = {"PREFECT_LOGGING_LEVEL": "DEBUG", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "DEBUG"}
    words = (f"{bucket}/data", "--workspace", f"{bucket}/runs", "--cluster", "local", "--workers", "1", *SMALL)
    finished = eigenwave("run", *words, "--debug", **given)
    assert finished.returncode == 0, finished.stderr
    failed = eigenwave("run", *words, "--debug", "--max-bad-fraction", "0.5", "--memory-limit", "260MiB", **given)
    assert failed.returncode == 2
    for command in (finished, failed, *(eigenwave(verb, "--workspace", f"{bucket}/runs") for verb in ("list", "show"))):
        assert CANARY not in command.stdout + command.stderr
    kept = list(open_path(f"{bucket}/runs").files())
    assert len(kept) > 30
    for path in kept:
        assert CANARY.encode() not in path.read_bytes(), path
        if path.name.endswith(".parquet"):
            assert CANARY not in str(read_table(path).to_pydict()), path
    database = [path for path in prefect_home.rglob("*") if path.is_file()]
    assert any(bucket.encode() in path.read_bytes() for path in database if "prefect.db" in path.name)
    for path in (*database, *(path for path in tmp_path.rglob("*") if path.is_file())):
        assert CANARY.encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_workers_are_sent_no_credentials(bucket, monkeypatch):
    space = Workspace(f"{bucket}/runs")
    space.prepare()
    job = begin_run(f"{bucket}/data", Settings(rank=2, permutations=2, scales=False), space)
    assert CANARY.encode() not in pickle.dumps(job)
    sent, write = [], tcp.TCP.write

    async def recorded(self, message, serializers=None, on_error="message"):
        frames = await to_frames(message, serializers=serializers, on_error=on_error)
        sent.extend(bytes(frame) for frame in frames)
        return await write(self, message, serializers, on_error)

    monkeypatch.setattr(tcp.TCP, "write", recorded)
    options = {"n_workers": 1, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**options) as cluster, Client(cluster, set_as_default=False) as client, client.as_current():
        fanout = DaskFanout(client)
        check_workers(job, fanout)
        transform(job, fanout, no_progress)
    assert any(b"transform_shard" in frame for frame in sent)
    assert any(bucket.encode() in frame for frame in sent)
    assert not any(CANARY.encode() in frame for frame in sent)
    asyncio.set_event_loop(None)


@pytest.mark.parametrize("address", SECRET_ADDRESSES)
def test_addresses_with_credentials_are_refused_and_not_repeated(address, class_folders, tmp_path):
    assert holds_secret(address)
    with pytest.raises(InputError, match="which may hold a password") as source_told:
        open_source(address)
    with pytest.raises(InputError, match="which may hold a password") as workspace_told:
        Workspace(address).prepare()
    (tmp_path / "list.csv").write_text(f"path,label\na.png,a\n{address},b\n")
    with pytest.raises(InputError, match="address in row 2 has a user or a query") as list_told:
        open_source(str(tmp_path / "list.csv")).samples()
    cluster = address.replace("https", "tls")
    with pytest.raises(InputError, match="Setting cluster = ") as cluster_told:
        Settings.load({"cluster": cluster})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(address, {"type": "string", "pattern": PLAIN})
    for told in (source_told, workspace_told, list_told, cluster_told):
        assert CANARY not in str(told.value)
        assert CANARY not in "".join(traceback.format_exception(told.value))
    for plain in ("digits", "/data/a@b?c", "s3://bucket/a@b", str(class_folders), "https://host:80/x.tar"):
        jsonschema.validate(plain, {"type": "string", "pattern": PLAIN})
        assert not holds_secret(plain)


@pytest.mark.parametrize(
    "options",
    [{"password": "canary"}, {"env": {"AWS_SECRET_ACCESS_KEY": "canary"}}, {"jobs": [{"api_token": "canary"}]}],
)
def test_cluster_options_name_secrets_and_do_not_hold_them(options, monkeypatch):
    with pytest.raises(InputError, match=r"would be stored in Prefect's database; .* write \$NAME") as told:
        Settings.load({"cluster_options": options})
    assert CANARY not in str(told.value)
    monkeypatch.setenv("CLUSTER_SECRET", "canary")
    named = {"env": {"AWS_SECRET_ACCESS_KEY": "$CLUSTER_SECRET"}, "hosts": ["${CLUSTER_SECRET}", "a", 3]}
    settings = Settings.load({"cluster": "distributed.LocalCluster", "cluster_options": named})
    assert CANARY not in settings.model_dump_json()
    filled = {"env": {"AWS_SECRET_ACCESS_KEY": "canary"}, "hosts": ["canary", "a", 3]}
    assert from_environment(settings.execution.cluster_options) == filled
    with pytest.raises(InputError, match=r"\$NOWHERE, but this environment variable is not set"):
        from_environment({"a": "$NOWHERE"})


class Babbler(http.server.BaseHTTPRequestHandler):
    """A store that refuses everything and repeats what it was sent."""

    def do_GET(self):
        said = f"<Error><AWSAccessKeyId>canary</AWSAccessKeyId>{self.path} {self.headers.get('Authorization')}</Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said.encode())

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


def test_what_a_store_answers_is_told_without_what_it_was_sent(monkeypatch):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Babbler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        for name in ("AWS_ENDPOINT_URL", "AZURE_STORAGE_ENDPOINT"):
            monkeypatch.setenv(name, url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AZURE_STORAGE_ACCOUNT_NAME"):
            monkeypatch.setenv(name, CANARY)
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", f"sv=2021-08-06&sig={CANARY}")
        for scheme in ("s3", "az"):
            path = open_path(f"{scheme}://bucket/{uuid.uuid4().hex}") / "file"
            attempts = (
                path.read_bytes,
                lambda path=path: path.open(),
                lambda path=path: list(path.store.files("")),
                lambda path=path: write_file(path, b"b"),
                lambda path=path: path.store.copy("a", "b"),
                lambda path=path: path.store.lock("lock").__enter__(),
                path.store.require_usable,
                lambda path=path: open_array(path),
                lambda path=path: list(remote_files(path.store.address).walk()),
            )
            for attempt in attempts:
                with pytest.raises(EigenwaveError) as told:
                    attempt()
                assert CANARY not in "".join(traceback.format_exception(told.value))
                assert CANARY.encode() not in pickle.dumps(told.value)
        server.shutdown()
