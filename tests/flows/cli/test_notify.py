import json
import logging
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flows.cli import notify as module
from flows.cli.answer import Answer
from flows.cli.notify import notify_all, require_places
from flows.documents.upkeep import Verified
from storage.errors import InputError

FOUND = Verified(run_id="r", files=2, faults=[])
ANSWER = Answer(lambda: FOUND, lambda: pytest.fail("text is printed"))


@contextmanager
def server(status=200):
    """A server that keeps what is posted, and its address."""
    received = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, self.headers["Content-Type"], json.loads(content)))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as hook:
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{hook.server_port}/hook?token=canary", received
        hook.shutdown()


@pytest.fixture
def warnings(caplog, monkeypatch):
    monkeypatch.setattr(module.LOGGER, "propagate", True)
    with caplog.at_level(logging.WARNING, "eigenwave"):
        yield lambda: [record.getMessage() for record in caplog.records]


def test_a_url_gets_the_document(warnings):
    with server() as (url, received):
        notify_all([url, url], ANSWER)
    assert received == [("/hook?token=canary", "application/json", FOUND.model_dump())] * 2
    assert warnings() == []


def test_a_command_gets_the_document(warnings, tmp_path, capfd):
    notify_all([f"sh -c 'tee \"{tmp_path}/a file\"'"], ANSWER)
    assert json.loads((tmp_path / "a file").read_text()) == FOUND.model_dump()
    out, errors = capfd.readouterr()
    assert out == ""  # standard output is for the result alone
    assert json.loads(errors) == FOUND.model_dump()
    assert warnings() == []


def test_failures_are_warnings_without_what_may_be_secret(warnings, monkeypatch):
    monkeypatch.setattr(module, "COMMAND_SECONDS", 0.1)
    with server(status=500) as (url, _):
        notify_all([url], ANSWER)
    notify_all([url, "sh -c 'exit 3' canary", "./nowhere canary", "TOKEN=canary sh", "sleep 5"], ANSWER)
    assert warnings() == [
        f"{place} could not be notified: {problem}. The run is finished and intact."
        for place, problem in [
            ("127.0.0.1", "it answered 500"),
            ("127.0.0.1", "ConnectError"),
            ("sh", "it ended with status 3"),
            ("./nowhere", "No such file or directory"),
            ("TOKEN", "No such file or directory"),
            ("sleep", "it took longer than 0.1 s and was ended"),
        ]
    ]


def test_without_places_no_document_is_made():
    notify_all([], Answer(lambda: pytest.fail("a document is made"), lambda: None))


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("ftp://canary@host/x", "--notify host is neither a URL (http://, https://) nor a command."),
        ("", "--notify is no command: it is empty."),
        ("  ", "--notify is no command: it is empty."),
        ('sh -c \'curl -H "Token: canary"', "--notify sh: a quotation mark is missing."),
        ("TOKEN=canary sh -c 'cat", "--notify TOKEN: a quotation mark is missing."),
        ("'sh canary", "--notify 'sh: a quotation mark is missing."),
    ],
)
def test_what_is_neither_url_nor_command_is_refused_without_what_may_be_secret(place, sentence):
    with pytest.raises(InputError) as refused:
        require_places([place])
    assert str(refused.value) == sentence
    require_places(["https://host/hook", "cat", "sh -c 'curl https://host'"])
