import http.server
import socket
import threading
from contextlib import contextmanager

import pytest

from storage.datasets.web import read_web
from storage.errors import BadImageError
from storage.formats.open import open_source
from storage.setting_groups import Access

LOCAL = Access(allow_host=("127.0.0.1",), max_image_bytes=1000)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the path that is asked for."""

    asked = None  # a list of its own for each server
    elsewhere = ""

    def do_GET(self):
        self.asked.append(self.path)
        if self.path.startswith("/to"):
            self.send_response(302)
            self.send_header(
                "Location", {"/to-same": "/image", "/to-file": "file:///etc/passwd"}.get(self.path, self.elsewhere)
            )
            self.end_headers()
            return
        sizes = {"/image": (200, b"pixels", 6), "/large": (200, b"x" * 2000, 2000), "/short": (200, b"ab", 9)}
        status, content, length = sizes.get(self.path, (404, b"", 0))
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def serving(handler):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def servers():
    """Two addresses on one machine, the first of which redirects to the second."""
    first, second = (type("Handler", (Handler,), {"asked": []}) for _ in range(2))
    with serving(first) as one, serving(second) as two:
        first.elsewhere = f"{two}/image"
        yield one, first.asked, second.asked


def read(addresses, access=LOCAL):
    return [each.detail if isinstance(each, BadImageError) else each for each in read_web(addresses, access)]


def test_answers_are_whole_small_enough_and_from_the_host_that_was_named(servers):
    one, _, asked = servers
    found = read([f"{one}/{path}" for path in ("image", "to-same", "to-other", "to-file", "large", "short", "none")])
    assert found[:2] == [b"pixels", b"pixels"]
    assert "redirects to another address, http://127.0.0.1" in found[2]
    assert "302 Found" in found[3]
    assert found[4] == "2,000 bytes, more than --max-image-bytes 1,000"
    assert found[5] == "the answer ended after 2 of 9 bytes"
    assert found[6] == "the server answered 404 Not Found"
    assert asked == []


@pytest.mark.parametrize("hosts", [(), ("*",)])
def test_a_list_reaches_no_host_that_is_not_allowed(servers, tmp_path, hosts):
    one, asked, _ = servers
    (tmp_path / "list.csv").write_text(f"path,label\n{one}/image,a\n{one}/image,b\n")
    source = open_source(str(tmp_path / "list.csv"), Access(allow_host=hosts))
    assert all("pass --allow-host 127.0.0.1" in payload.detail for payload in source.read(source.samples()))
    assert asked == []
    source = open_source(str(tmp_path / "list.csv"), LOCAL)
    assert list(source.read(source.samples())) == [b"pixels", b"pixels"]


def test_a_name_that_leads_elsewhere_when_it_is_looked_up_again_gets_no_request(servers, monkeypatch):
    one, asked, _ = servers
    port, found = int(one.rpartition(":")[2]), iter(["93.184.215.14", "127.0.0.1"])
    answer = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(*answer, (next(found), port))])
    access = Access(allow_host=("*",))
    (detail,) = read([f"http://rebinding.example:{port}/image"], access)
    assert detail.startswith("the host rebinding.example is in a private network; pass --allow-host")
    assert asked == []
    assert next(found, None) is None
