"""The server of the explorer: on the loopback address alone, for who has its token, and for nothing but one run.

It answers GET below an address that holds a random token. Other web pages in the same browser could send requests to
the loopback address too. So a request is refused if it names another host (then the name of a foreign site leads here)
or comes from another site.
"""

import json
import secrets
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from storage.errors import EigenwaveError
from storage.runs.run import Run
from tasks.explore.images import Images
from tasks.explore.pictures import Pictures
from tasks.explore.query import Query

LOOPBACK = "127.0.0.1"
PAGE = 60  # images of an answer
FILES = {"": "text/html", "explorer.css": "text/css", "explorer.js": "text/javascript"}
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address holds the token
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'"
)
ASK = "Open the address that eigenwave open printed: it ends in a token, without which this page shows nothing."

Answer = tuple[str, bytes]  # media type and content
Parameters = Mapping[str, str]


class Explorer:
    """Answers the requests of the page about one run.

    Parameters
    ----------
    run
        The run.
    """

    def __init__(self, run: Run) -> None:
        self._run, self._images, self._pictures = run, Images(run), Pictures(run)
        self._rows = run.scores.shape[0]
        self._answers: Mapping[str, Callable[[Parameters], Answer | None]] = {
            "facts": lambda _: _json(self._images.facts),
            "images": self._found,
            "neighbours": self._neighbours,
            "picture": self._picture,
            "report": self._report,
        }

    def answer(self, name: str, parameters: Parameters) -> Answer | None:
        """Answer a request; None if there is nothing of this name.

        Raises
        ------
        EigenwaveError
            If a parameter is not possible, or the run is damaged.
        """
        if name in FILES:
            return FILES[name], (Path(__file__).parent / "page" / (name or "explorer.html")).read_bytes()
        return self._answers[name](parameters) if name in self._answers else None

    def _found(self, parameters: Parameters) -> Answer:
        start = _number(parameters, "start")
        positions = self._images.find(Query.parse(parameters))
        return _json({"found": len(positions), "images": self._images.describe(positions[start : start + PAGE])})

    def _neighbours(self, parameters: Parameters) -> Answer:
        return _json({"images": self._images.describe(self._images.neighbours(_number(parameters, "row")))})

    def _picture(self, parameters: Parameters) -> Answer | None:
        row = _number(parameters, "row")
        return self._pictures.of(row) if row < self._rows else None

    def _report(self, _: Parameters) -> Answer | None:
        return ("text/html", self._run.paths.report.read_bytes()) if self._run.paths.report.exists() else None


def serve(explorer: Explorer, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """Return a server on the loopback address, which `serve_forever` starts, and the address of the page.

    Raises
    ------
    OSError
        If the port is in use.
    """

    class Handler(_Handler):
        token = secrets.token_urlsafe(24)

    Handler.explorer = explorer
    server = _Server((LOOPBACK, port), Handler)
    Handler.hosts = tuple(f"{name}:{server.server_port}" for name in (LOOPBACK, "localhost"))
    return server, f"http://{LOOPBACK}:{server.server_port}/{Handler.token}/"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Report an error, unless the page was closed before it had its answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "eigenwave", ""
    explorer: Explorer
    token: str
    hosts: tuple[str, ...]

    def do_GET(self) -> None:
        if not self._is_own():
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"This page is for this machine alone.")
            return
        address = urlsplit(self.path)
        _, token, *names = [*address.path.split("/"), ""]
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            self._send(HTTPStatus.FORBIDDEN, "text/plain", ASK.encode())
            return
        try:
            found = self.explorer.answer(names[0], dict(parse_qsl(address.query)))
        except EigenwaveError as error:
            self._send(HTTPStatus.BAD_REQUEST, "text/plain", str(error).encode())
            return
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is nothing here.")
        else:
            self._send(HTTPStatus.OK, *found)

    def _is_own(self) -> bool:
        """Whether the request names this server and comes from its own page, or from a person."""
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site", "none")
        own = origin is None or origin.removeprefix("http://") in self.hosts
        return self.headers.get("Host") in self.hosts and own and site in {"same-origin", "none"}

    def _send(self, status: HTTPStatus, media: str, content: bytes) -> None:
        self.send_response(status)
        headers = HEADERS | {"Content-Type": f"{media}; charset=utf-8", "Content-Length": str(len(content))}
        if not self.path.endswith("/report"):  # the report brings a policy of its own
            headers["Content-Security-Policy"] = POLICY
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the base class has this name
        """Log nothing: the address holds the token."""


def _number(parameters: Parameters, name: str) -> int:
    text = parameters.get(name, "0")
    if not text.isdecimal():
        raise EigenwaveError(f"{name} is {text!r}, which is no number from 0.")
    return int(text)


def _json(content: object) -> Answer:
    return "application/json", json.dumps(content, separators=(",", ":"), allow_nan=False, default=str).encode()
