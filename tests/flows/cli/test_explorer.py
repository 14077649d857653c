"""eigenwave open, as a user calls it."""

import http.client
import signal
import socket
import subprocess
from urllib.parse import urlsplit

import pytest

from tests.datasets import smooth_images
from tests.processes import EIGENWAVE, printed_document
from tests.runs import SMALL, analyse
from tests.schemas import checked


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("open")
    analyse(smooth_images(folder / "data", count=30), folder / "workspace", run_id="one", **SMALL)
    return folder / "workspace"


def said(output, *, as_json):
    """The address that a process has printed, alone or in its document."""
    if not as_json:
        return output.readline().strip()
    found = checked("open", printed_document(output))
    assert found["run_id"] == "one"
    return found["address"]


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [False, True])
def test_the_page_is_served_until_control_c(workspace, as_json):
    words = [EIGENWAVE, "open", "one", "--workspace", workspace, "--no-browser", *["--json"] * as_json]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        place = urlsplit(said(process.stdout, as_json=as_json))
        connection = http.client.HTTPConnection(place.hostname, place.port)
        for path, status, words in ((f"{place.path}facts", 200, b'"images":90'), ("/facts", 403, b"token")):
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == status
            assert words in answer.read()
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.communicate()


def test_a_port_in_use_is_named(workspace, eigenwave):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = eigenwave("open", "one", "--workspace", workspace, "--port", port, "--no-browser")
    assert finished.returncode == 2
    assert f"Port {port} cannot be used" in finished.stderr


def test_the_summary_names_the_command_for_this_run(workspace, eigenwave):
    shown = eigenwave("show", "one", "--workspace", workspace).stdout
    assert f"eigenwaveopen{workspace}/runs/one" in "".join(shown.split())
