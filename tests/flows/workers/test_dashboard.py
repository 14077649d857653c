"""The dashboard of monitor opens only with its password."""

import base64
import urllib.error
import urllib.request

import pytest

from flows.workers.client import open_client
from flows.workers.dashboard import watched_workers
from storage.settings import Settings

LOGIN = "eigenwave:right"


def answer(address, login=None):
    """Status and content."""
    request = urllib.request.Request(address)  # noqa: S310
    if login:
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request) as found:  # noqa: S310
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """Addresses of the dashboard and of the only worker's own server."""
    folder = tmp_path_factory.mktemp("certificates")
    with watched_workers(1, LOGIN, folder) as (scheduler, dashboard):
        with open_client(Settings(cluster=scheduler, tls=folder)) as client:
            (worker,) = client.scheduler_info(n_workers=-1)["workers"].values()
        yield dashboard.removesuffix("status"), worker["services"]["dashboard"]


@pytest.mark.parametrize("path", ["status", "metrics", "info/main/workers.html", "sitemap.json", "health", "no-such"])
def test_nothing_is_shown_without_the_password(watched, path):
    address = f"{watched[0]}{path}"
    for login in (None, "eigenwave:wrong", "eigenwave:", "\u00e9:\u00e9"):
        assert answer(address, login) == (401, "eigenwave monitor prints user and password.\n")


def test_who_has_the_password_sees_workers_and_numbers(watched):
    assert "Dask" in answer(f"{watched[0]}status", LOGIN)[1]
    assert "# HELP" in answer(f"{watched[0]}metrics", LOGIN)[1]


def test_the_servers_of_workers_and_of_runs_show_nothing(watched):
    ports = [watched[1]]
    with open_client(Settings(workers=1)) as client:
        assert not client.dashboard_link
        found = client.scheduler_info(n_workers=-1)
        ports += [it["services"]["dashboard"] for it in (found, *found["workers"].values())]
        for port in ports:
            for path in ("status", "metrics", "info/main/workers.html"):
                assert answer(f"http://127.0.0.1:{port}/{path}")[0] == 404
    assert len(ports) == 3
