"""The explorer's server: one run, on this machine, for who has the token."""

import http.client
import json

import pytest

from flows.explorer.server import PAGE
from tests.flows.explorer.serving import serving
from tests.runs import analyse
from tests.tasks.inspect.planted import planted


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    planted(folder / "data")
    return analyse(folder / "data", folder / "workspace", report=True, scales=False, permutations=1, rank=4)


@pytest.fixture(scope="module")
def address(run):
    with serving(run) as address:
        yield address


def ask(address, path, method="GET", **headers):
    connection = http.client.HTTPConnection(address.hostname, address.port)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_the_page_asks_for_images_a_page_at_a_time(address, run):
    first = json.loads(ask(address, f"{address.path}images")[1])
    rest = json.loads(ask(address, f"{address.path}images?start={PAGE}")[1])
    assert first["found"] == rest["found"] == len(run.tables["samples"])
    assert len(first["images"]) == PAGE
    assert not {image["row"] for image in first["images"]} & {image["row"] for image in rest["images"]}


def test_pictures_facts_neighbours_and_the_report_are_served(address, run):
    for path, media, start in (
        ("", "text/html", b"<!doctype html>"),
        ("explorer.js", "text/javascript", b'"use strict"'),
        ("picture?row=3", "image/png", b"\x89PNG"),
        ("report", "text/html", run.paths.report.read_bytes()[:100]),
        ("facts", "application/json", b"{"),
        ("neighbours?row=3", "application/json", b"{"),
    ):
        answer, content = ask(address, address.path + path)
        assert answer.status == 200
        assert answer.getheader("Content-Type").startswith(media)
        assert content.startswith(start)
        assert answer.getheader("Cache-Control") == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/facts",
        "/wrong-token/facts",
        "//facts",
        "/%2e%2e/facts",
        "/wrong/../facts",
    ],
)
def test_without_the_token_nothing_is_served(address, path):
    answer, content = ask(address, path)
    assert answer.status == 403
    assert b"token" in content


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "example.com"},
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_other_sites_are_refused_even_with_the_token(address, headers):
    assert ask(address, f"{address.path}facts", **headers)[0].status == 403


def test_the_own_page_is_served_by_either_name(address):
    own = {"Origin": f"http://localhost:{address.port}", "Host": f"localhost:{address.port}"}
    assert ask(address, f"{address.path}facts", **own, Sec_Fetch_Site="same-origin")[0].status == 200


@pytest.mark.parametrize(
    "path",
    ["manifest.json", "../manifest.json", "server.py", "explorer.html", "page/explorer.js", "tables/samples.parquet"],
)
def test_nothing_else_is_served(address, path):
    assert ask(address, address.path + path)[0].status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(address, method):
    assert ask(address, f"{address.path}facts", method)[0].status == 501


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("images?start=-1", 400, b"start is '-1'"),
        ("images?order=beauty", 400, b"cannot be sorted"),
        ("images?column=none&value=1", 400, b"no column 'none'"),
        ("picture?row=100000", 404, b"nothing here"),
    ],
)
def test_what_is_not_possible_is_said(address, path, status, words):
    answer, content = ask(address, address.path + path)
    assert answer.status == status
    assert words in content
