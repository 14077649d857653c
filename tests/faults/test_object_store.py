"""An object store that answers 503, hangs up, sends half an answer, or stalls: the run writes the same files."""

import http.client
import threading
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from storage.errors import EigenwaveError
from storage.runs.run import open_run
from storage.stores import objects as store_object
from storage.stores.open import object_store, open_path
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.table import record

STALL_SECONDS = 1.5


class Proxy(BaseHTTPRequestHandler):
    """Pass requests on, but spoil every so-many-th answer."""

    protocol_version = "HTTP/1.1"

    def handle_all(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with server.guard:
            server.seen += 1
            spoil = server.every and server.seen % server.every == 0
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
        half = spoil and server.fault == "truncated" and len(content) > 1
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
