"""An object store that answers 503, hangs up, sends half an answer, or stalls: the run writes the same files."""

import http.client
import re
import threading
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import zarr

from storage.arrays.zarr import open_array, write_array
from storage.errors import EigenwaveError
from storage.formats.open import open_source
from storage.runs.run import open_run
from storage.stores import objects as store_object
from storage.stores.files import write_file
from storage.stores.objects import WHOLE
from storage.stores.open import object_store, open_path
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.table import record

STALL_SECONDS = 1.5


class Proxy(BaseHTTPRequestHandler):
    """Pass requests on, but spoil every so-many-th answer, or the first one to each request."""

    protocol_version = "HTTP/1.1"

    def handle_all(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = self.command, re.sub("uploadId=[^&]*", "uploadId", self.path)  # it is another one at each try
        with server.guard:
            server.seen += 1
            spoil = server.every and server.seen % server.every == 0
            if server.fault == "first truncated":
                spoil = asked not in server.asked
            server.asked.add(asked)
            server.spoilt += bool(spoil)
        if spoil and server.fault == "503":
            self.answer(503, {}, b"")
            return
        if spoil and server.fault == "dropped":
            self.close_connection = True
            return
        if spoil and server.fault == "stalled":
            time.sleep(STALL_SECONDS)
            self.close_connection = True
            return
        # Closed before the answer, which fails if the client has gone.
        with closing(http.client.HTTPConnection(server.target)) as connection:
            connection.request(self.command, self.path, body, dict(self.headers))
            reply = connection.getresponse()
            content = reply.read()
        half = spoil and server.fault.endswith("truncated") and len(content) > 1
        self.answer(reply.status, dict(reply.getheaders()), content, half=half)

    def answer(self, status, headers, content, *, half=False):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "server", "date"}:
                self.send_header(name, value)
        length = headers.get("Content-Length", len(content)) if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if half else content)
        if half:
            self.close_connection = True

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_all  # noqa: N815 - the base class asks for these

    def log_message(self, *_):
        """Keep quiet."""


@contextmanager
def proxy(target, fault, every):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.target, server.fault, server.every = target, fault, every
    server.seen = server.spoilt = 0
    server.asked = set()
    server.guard, server.daemon_threads = threading.Lock(), True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return smooth_images(tmp_path_factory.mktemp("data"), shape=(8, 8), count=30)


@pytest.fixture(scope="module")
def expected(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    driver.analyse(source, folder)
    return open_run(folder / "runs" / "run").manifest.files


def through(server, s3_server, monkeypatch, timeout=30):
    for name, value in s3_server[1].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setitem(store_object.CLIENT, "timeout", f"{timeout}s")
    object_store.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "every"), [("503", 25), ("dropped", 25), ("truncated", 9), ("stalled", 60)])
def test_the_same_files_from_a_store_that_fails(source, expected, s3_server, monkeypatch, fault, every):
    target = urlsplit(s3_server[1]["AWS_ENDPOINT_URL"]).netloc
    address = f"{s3_server[0]}/faults-{fault}"
    with proxy(target, fault, every) as server:
        through(server, s3_server, monkeypatch, timeout=1 if fault == "stalled" else 30)
        driver.analyse(source, address)
        assert open_run(f"{address}/runs/run").manifest.files == expected
        assert server.spoilt > 3
        record(f"object store: {fault}", tried=server.spoilt, survived=server.spoilt)


def test_whatever_is_cut_short_once_is_asked_again(s3_server, monkeypatch, tmp_path):
    images = np.arange(8 * 6 * 6, dtype=np.uint8).reshape(8, 6, 6)
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    group = zarr.open_group(tmp_path, mode="w")
    group.create_array("images", data=images, chunks=(3, 6, 6))
    group.create_array("labels", data=np.arange(8) % 2)
    target = urlsplit(s3_server[1]["AWS_ENDPOINT_URL"]).netloc
    with proxy(target, "first truncated", 0) as server:
        through(server, s3_server, monkeypatch)
        folder = open_path(f"{s3_server[0]}/cut-short")
        for path in filter(Path.is_file, tmp_path.rglob("*")):
            write_file(folder / f"dataset/{path.relative_to(tmp_path)}", path.read_bytes())
        write_array(folder / "array", values, ("image", "pattern"))
        write_file(folder / "large", bytes(WHOLE + 1))
        assert np.array_equal(open_array(folder / "array")[:], values)
        assert folder.store.names("") == ["large"]
        source = open_source(f"{folder}/dataset")
        samples = source.samples()
        assert list(source.read(samples)) == [image.tobytes() for image in images]
        # The first answers to: the array's metadata and chunk, two requests of a large object, two listings, two
        # arrays' metadata and four chunks.
        assert server.spoilt >= 12


def test_a_store_that_never_answers_is_told_in_one_sentence(s3_server, monkeypatch):
    target = urlsplit(s3_server[1]["AWS_ENDPOINT_URL"]).netloc
    with proxy(target, "503", 1) as server:
        through(server, s3_server, monkeypatch)
        monkeypatch.setitem(store_object.RETRY, "max_retries", 2)
        with pytest.raises(EigenwaveError, match=r"s3://eigenwave/x/file cannot be read: .*503") as told:
            open_path("s3://eigenwave/x").__truediv__("file").read_bytes()
        assert server.seen == 3
        assert "canary" not in str(told.value)
        assert "\n" not in str(told.value)
