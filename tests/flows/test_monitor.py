"""eigenwave monitor as a real process: the servers that it prints answer, and are gone after it ends."""

import base64
import json
import os
import re
import signal
import socket
import stat
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from flows.cli.run import print_instructions
from flows.monitor import Monitoring
from tests.processes import EIGENWAVE, printed_document
from tests.schemas import checked
from tests.second_user import as_second_user


def answers(address, login=None):
    """What an address answers, or the status by which it refuses to."""
    request = urllib.request.Request(address)  # noqa: S310
    if login:
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def monitor(tmp_path_factory):
    """A running monitor: its process, and the document that it prints."""
    home = tmp_path_factory.mktemp("monitor")
    process = subprocess.Popen(
        [EIGENWAVE, "monitor", "--workers", "1", "--json"],
        env=os.environ | {"EIGENWAVE_CACHE": str(home), "TMPDIR": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        told = printed_document(process.stdout)
        assert told, process.stderr.read()
        yield process, checked("monitor", told)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def handed_over(told):
    """The variables of the file that monitor names, and the file."""
    path = Path(told["environment"])
    return dict(line.removeprefix("export ").split("=", 1) for line in path.read_text().splitlines()), path


def test_server_and_workers_are_where_it_says(monitor):
    told = monitor[1]
    runs, login = told["runs"], told["password"]
    assert "<title>Prefect" in answers(runs)
    assert "Dask" in answers(told["workers"], login)
    assert all("# HELP" in answers(address, login) for address in told["metrics"])
    assert len(told["metrics"]) == 2
    assert answers(f"{handed_over(told)[0]['PREFECT_API_URL']}/admin/version", login).strip('"')


def test_people_read_the_same(monitor, capsys):
    told = monitor[1]
    found = Monitoring(**{name: told[name] for name in Monitoring._fields})
    print_instructions(found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"Runs      {found.runs}", f"Workers   {found.workers}"]
    assert f"Numbers   {' and '.join(found.metrics)}, for Prometheus" in lines
    assert any(line.startswith(f"Password  {found.password} (") for line in lines)
    assert f"    . {found.environment}" in lines


def test_the_server_removes_old_runs_and_events(monitor):
    told = monitor[1]
    api, login = handed_over(told)[0]["PREFECT_API_URL"], told["password"]
    server = json.loads(answers(f"{api}/admin/settings", login))["server"]
    vacuum = server["services"]["db_vacuum"]
    assert (set(vacuum["enabled"]), vacuum["retention_period"]) == ({"events", "flow_runs"}, "P90D")
    assert server["events"]["retention_period"] == "P7D"


def test_nobody_is_let_in_without_the_password(monitor):
    told = monitor[1]
    api, workers = handed_over(told)[0]["PREFECT_API_URL"], told["workers"]
    for login in (None, "eigenwave:guessed"):
        for address in (f"{api}/admin/version", f"{api}/flow_runs/count", f"{api}/metrics", workers):
            assert answers(address, login) == 401
    assert told["password"] not in " ".join(psutil.Process(monitor[0].pid).cmdline())


def test_a_run_finds_both_by_the_file_that_is_handed_over(monitor, tmp_path):
    variables, path = handed_over(monitor[1])
    words = (
        f". {path} && exec {EIGENWAVE} run digits --workspace {tmp_path / 'w'} --rank 2 --permutations 2 --no-scales"
    )
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=False)  # noqa: S607
    assert done.returncode == 0, done.stderr
    body = urllib.request.Request(f"{variables['PREFECT_API_URL']}/flow_runs/count", b"{}")  # noqa: S310
    body.add_header("Content-Type", "application/json")
    body.add_header(
        "Authorization", f"Basic {base64.b64encode(variables['PREFECT_API_AUTH_STRING'].encode()).decode()}"
    )
    with urllib.request.urlopen(body) as answer:  # noqa: S310
        assert answer.read() == b"1"


def test_only_its_user_reads_what_is_handed_over(monitor):
    variables, path = handed_over(monitor[1])
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    ask = """
for path in sys.argv[1:]:
    try:
        print("read", len(open(path).read()))
    except OSError as error:
        print(type(error).__name__)
"""
    files = [path, f"{variables['EIGENWAVE_TLS']}/tls.key", f"/proc/{monitor[0].pid}/environ"]
    assert as_second_user("import sys", ask, *files).split() == ["PermissionError"] * 3


def test_both_end_with_it_and_leave_nothing(monitor):
    process, told = monitor
    folder = handed_over(told)[1].parent
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    assert (process.returncode, "Traceback" in errors) == (0, False)
    left = psutil.wait_procs(started, timeout=5)[1]
    assert not [child for child in left if child.status() != psutil.STATUS_ZOMBIE]
    for address in (told["runs"], told["workers"]):
        port = int(re.search(r":(\d+)", address.split("//")[1])[1])
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert not folder.exists()
