"""Dask's dashboard and metrics behind a password; without it, Dask shows them to everybody who connects."""

import base64
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from distributed import LocalCluster, Scheduler
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router
from tornado.web import Application, RequestHandler

from flows.workers.certificates import new_security, write_security
from flows.workers.client import cluster_settings
from flows.workers.local_cluster import LOOPBACK, free_port, local_cluster
from storage.setting_groups import Execution

PORT = 8787


@contextmanager
def watched_workers(count: int | None, login: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Start workers on this machine for the duration of the block; yields the addresses of scheduler and dashboard.

    Parameters
    ----------
    count
        Worker processes; by default one a core.
    login
        User and password of the dashboard, joined by a colon.
    folder
        Folder for the certificates that clients need to send work.
    """
    security = new_security()
    write_security(security, folder)
    wanted, watched = Execution(workers=count), partial(WatchedCluster, login)
    with cluster_settings(), local_cluster(wanted, security, watched) as started:
        yield str(started.scheduler_address), str(started.dashboard_link)


class WatchedCluster(LocalCluster):
    """A cluster on this machine whose dashboard asks for user and password.

    Parameters
    ----------
    login
        User and password, joined by a colon.
    **options
        As for LocalCluster.
    """

    def __init__(self, login: str, **options: Any) -> None:  # noqa: ANN401 - whatever Dask takes
        self._login = login
        address = f"{LOOPBACK}:{free_port(PORT)}"
        super().__init__(dashboard_address=address, **options)  # type: ignore[no-untyped-call]

    async def _start(self) -> None:
        self.scheduler_spec["cls"] = _WatchedScheduler
        self.scheduler_spec["options"]["login"] = self._login
        await super()._start()  # type: ignore[no-untyped-call]


class _WatchedScheduler(Scheduler):
    def __init__(self, *words: Any, login: str, **options: Any) -> None:  # noqa: ANN401
        self._login = login
        super().__init__(*words, **options)

    def start_http_server(self, *words: Any, **options: Any) -> None:  # noqa: ANN401
        super().start_http_server(*words, **options)  # type: ignore[no-untyped-call]
        # The event loop has not run since the server began to listen, so no request was answered without a password.
        self.http_server.request_callback = _Door(self.http_application, self._login)


class _Door(Router):
    """Passes requests with the right login to an application and refuses all others."""

    def __init__(self, application: Application, login: str) -> None:
        self._application, self._refusal = application, Application([(".*", _Refusal)])
        self._login = f"Basic {base64.b64encode(login.encode()).decode()}".encode()

    def find_handler(self, request: HTTPServerRequest, **options: Any) -> HTTPMessageDelegate | None:  # noqa: ANN401
        """The application's handler, or one that asks for the password."""
        given = request.headers.get("Authorization", "").encode()
        known = hmac.compare_digest(given, self._login)
        return (self._application if known else self._refusal).find_handler(request, **options)


class _Refusal(RequestHandler):
    def prepare(self) -> None:
        self.set_status(401)
        self.set_header("WWW-Authenticate", 'Basic realm="eigenwave monitor", charset="UTF-8"')
        self.finish("eigenwave monitor prints user and password.\n")
