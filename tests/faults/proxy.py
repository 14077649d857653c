"""A proxy before an object store that answers 503, hangs up, sends half an answer, or stalls."""

import http.client
import re
import threading
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from storage.stores import objects as store_object
from storage.stores.open import object_store

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
def proxy(target, fault, every, host="127.0.0.1"):
    """A server that passes requests on to a target and spoils every so-many-th; each is an attribute of it."""
    server = ThreadingHTTPServer((host, 0), Proxy)
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


def through(server, s3_server, monkeypatch, timeout=30):
    """Reach the S3 server through the proxy, in this process and those that it starts."""
    for name, value in s3_server[1].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.server_address))
    monkeypatch.setitem(store_object.CLIENT, "timeout", f"{timeout}s")
    object_store.cache_clear()
