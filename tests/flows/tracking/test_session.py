"""The choice of the server that a run reports to, in any environment of the user."""

import os
import signal
import sqlite3
import subprocess
import urllib.request
from contextlib import closing

import pytest

from flows.tracking import session
from storage.runs.workspace import Workspace
from tests.processes import EIGENWAVE, serving_prefect


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """An environment in which nothing of the user's speaks of Prefect."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    for name in ("DO_NOT_TRACK", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        (".prefect/profiles.toml", '[profiles.mine]\nPREFECT_API_URL = "http://host/api"', True),
        (
            ".prefect/profiles.toml",
            'active = "ephemeral"\n[profiles.ephemeral]\nPREFECT_LOGGING_LEVEL = "DEBUG"',
            False,
        ),
        (".env", "PREFECT_API_URL=http://host/api", True),
        ("prefect.toml", '[api]\nurl = "http://host/api"', True),
        ("prefect.toml", 'api.url = "http://host/api"', True),
        ("pyproject.toml", '[tool.prefect.api]\nurl = "http://host/api"', True),
        ("pyproject.toml", '[project]\nname = "an-api"', False),
        (".env", b"\xff\xfe", False),
    ],
)
def test_a_server_of_the_users_is_looked_for_where_prefect_does(alone, place, text, expected):
    assert not session.may_have_server()
    path = alone / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert session.may_have_server() is expected


def test_the_environment_comes_first(alone, monkeypatch):  # noqa: ARG001
    monkeypatch.setenv("PREFECT_API_URL", "")
    assert not session.may_have_server()
    monkeypatch.setenv("PREFECT_API_URL", "http://host/api")
    assert session.may_have_server()


@pytest.mark.parametrize(
    ("given", "expected"), [(None, "1"), ("on", "1"), ("1", "1"), ("0", "0"), ("false", "false"), ("", "")]
)
def test_prefect_is_asked_not_to_track_unless_the_user_allows_it(alone, monkeypatch, given, expected):  # noqa: ARG001
    if given is not None:
        monkeypatch.setenv("DO_NOT_TRACK", given)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    session.prepare_environment()
    assert os.environ["DO_NOT_TRACK"] == expected


@pytest.mark.parametrize("names", [{}, {"NO_PROXY": "corp"}, {"no_proxy": "corp,localhost", "NO_PROXY": "other"}])
def test_this_machine_is_reached_past_any_proxy(alone, monkeypatch, names):  # noqa: ARG001
    for name, value in ({"http_proxy": "http://proxy:3128"} | names).items():
        monkeypatch.setenv(name, value)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # so that both are as before after the test
    session.pass_proxies()
    assert all(urllib.request.proxy_bypass_environment(host) for host in session.LOOPBACKS)
    assert bool(urllib.request.proxy_bypass_environment("corp")) is bool(names)
    assert not urllib.request.proxy_bypass_environment("elsewhere")


def run(folder, *words, **environment):
    """The command where no server is named, with a home and a cache of its own."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    variables |= {"HOME": str(folder / "home"), "XDG_CACHE_HOME": str(folder / "cache"), "COLUMNS": "120"}
    (folder / "home").mkdir(exist_ok=True)
    command = [EIGENWAVE, "run", "digits", "--cluster", "inline", "--workspace", str(folder / "runs"), *words]
    return subprocess.run(
        command, cwd=folder, env=variables | environment, capture_output=True, text=True, check=False, timeout=280
    )


def test_a_setting_that_prefect_refuses_is_one_sentence(tmp_path):
    ended = run(tmp_path, PREFECT_LOGGING_LEVEL="nonsense")
    assert ended.returncode == 2
    told = ended.stderr.splitlines()
    assert told[0] == "starting Prefect ..."
    assert told[1].startswith("eigenwave: Prefect refuses its setting PREFECT_LOGGING_LEVEL = 'NONSENSE': Input should")
    assert len(told) == 2


@pytest.mark.slow
def test_what_used_to_end_in_a_traceback_just_works(tmp_path):
    newer = tmp_path / "newer"
    newer.mkdir()
    with closing(sqlite3.connect(newer / "prefect.db")) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR)")
        database.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    ended = run(tmp_path, PREFECT_HOME=str(newer), PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="false", **proxies)
    assert ended.returncode == 0, ended.stderr
    # Once more, warm, where Prefect's home is no folder and the cache none that can be written.
    (tmp_path / "file").touch()
    ended = run(tmp_path, PREFECT_HOME=str(tmp_path / "file"), EIGENWAVE_CACHE=str(tmp_path / "file"))
    assert ended.returncode == 0, ended.stderr
    assert len(Workspace(str(tmp_path / "runs")).runs()) == 2


@pytest.mark.slow
def test_a_server_in_the_users_profile_is_used_and_its_password(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "me:secret")
    server = tmp_path / "server"
    server.mkdir()
    home = tmp_path / "home" / ".prefect"
    home.mkdir(parents=True)
    with serving_prefect(server) as (address, process):
        profile = f'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "{address}"\n'
        (home / "profiles.toml").write_text(profile + 'PREFECT_API_AUTH_STRING = "me:secret"\n', encoding="utf-8")
        ended = run(tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert not (tmp_path / "cache" / "eigenwave" / "prefect").exists()
        with closing(sqlite3.connect(server / "prefect.db")) as database:
            assert database.execute("SELECT name, state_name FROM flow_run").fetchall() == [("digits", "Completed")]
        (home / "profiles.toml").write_text(profile, encoding="utf-8")
        ended = run(tmp_path)
        assert ended.returncode == 1
        assert ended.stderr.splitlines()[-1] == (
            f"eigenwave: Prefect's server at {address} does not let this command in (401); "
            "set PREFECT_API_AUTH_STRING or PREFECT_API_KEY, or unset PREFECT_API_URL to do without."
        )
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        ended = run(tmp_path, PREFECT_CLIENT_MAX_RETRIES="0")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"eigenwave: Prefect's server at {address} does not answer (")
