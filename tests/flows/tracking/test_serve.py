"""The database of the server that a command starts, without starting one."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from importlib import metadata
from pathlib import Path

import pytest

from deploy import prefect_database
from flows.tracking import serve


@pytest.fixture
def folder(tmp_path):
    before = os.umask(0o077)
    yield tmp_path / "cache" / "prefect"
    os.umask(before)


@pytest.fixture
def claim(folder):
    locks = []

    def claimed(place=folder):
        database, lock = serve.claim_database(place)
        locks.append(lock)
        return database

    yield claimed
    for lock in locks:
        os.close(lock)


def tables(path):
    with closing(sqlite3.connect(path)) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_first_database_is_whole_and_private(claim, folder):
    database = claim()
    assert {"flow_run", "task_run", "log", "alembic_version"} <= tables(database)
    assert f"prefect-{metadata.version('prefect')}-" in database.name
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {database.name: 0o600, database.with_suffix(".lock").name: 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_later_server_uses_the_same_database_also_at_the_same_time(claim):
    database = claim()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE kept (it)")
    assert claim() == database
    assert "kept" in tables(database)


@pytest.mark.parametrize("damage", [b"", b"no database at all", None])
def test_a_database_that_cannot_be_read_or_is_too_large_is_made_anew(claim, folder, monkeypatch, damage):
    database, lock = serve.claim_database(folder)
    os.close(lock)
    if damage is None:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("CREATE TABLE history (it)")
        monkeypatch.setattr(serve, "LARGEST_BYTES", 1000)
    else:
        database.write_bytes(damage)
    assert claim() == database
    assert "flow_run" in tables(database)
    assert "history" not in tables(database)


def test_a_database_in_use_is_left_alone_however_large(claim, monkeypatch):
    database = claim()
    before = database.stat().st_ino
    monkeypatch.setattr(serve, "LARGEST_BYTES", 1000)
    assert claim() == database
    assert database.stat().st_ino == before


def test_many_first_servers_at_once_share_one_database(folder):
    code = f"import sys; sys.path.insert(0, {str(Path(serve.__file__).parent)!r}); import serve, os\n"
    code += f"os.umask(0o077); path, lock = serve.claim_database(serve.Path({str(folder)!r})); sys.stdin.read()\n"
    code += "print(path.stat().st_ino)"
    servers = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    inodes = {server.communicate("")[0] for server in servers}
    assert len(inodes) == 1
    assert inodes != {""}
    assert not [path for path in folder.iterdir() if path.suffix not in {".db", ".lock"}]


def test_a_lock_is_not_followed_through_a_link(claim, folder, tmp_path):
    database = claim()
    lock = database.with_suffix(".lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"symbolic link|Too many levels"):
        serve.claim_database(folder)
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_is_an_error_before_anything_is_written(folder, monkeypatch):
    monkeypatch.setattr(serve, "NEEDED_BYTES", 2**80)
    with pytest.raises(OSError, match="No space left"):
        serve.claim_database(folder)
    assert not list(folder.iterdir())


def test_the_schema_is_of_the_installed_prefect():
    script = serve.SCHEMA.read_text(encoding="utf-8")
    assert f"-- prefect {metadata.version('prefect')}\n" in script, "make database"
    assert serve.is_known(serve.noted(script, "revision"))
    assert not serve.is_known("0123456789ab")


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False])
def test_another_version_of_prefect_migrates_what_it_is_given(tmp_path, monkeypatch, known):
    """As if the schema were of an earlier version, or of a later one that the installed Prefect does not know."""
    script = serve.SCHEMA.read_text(encoding="utf-8").replace("-- prefect 3", "-- prefect 2", 1)
    if not known:
        script = script.replace(serve.noted(script, "revision"), "0123456789ab")
    monkeypatch.setattr(serve, "SCHEMA", tmp_path / "database.sql")
    serve.SCHEMA.write_text(script, encoding="utf-8")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    database, lock = serve.claim_database(tmp_path / "prefect")
    os.close(lock)
    # The blank ends of lines apart, which are the same once both came from a script.
    again = tmp_path / "again.db"
    with closing(sqlite3.connect(again)) as connection:
        connection.executescript(prefect_database.schema(database))
    written = Path(serve.__file__).with_name("database.sql").read_text(encoding="utf-8")
    # Migrations name the constraints of a table in an order that differs from run to run.
    made = sorted(line.strip(", \t") for line in prefect_database.schema(again).splitlines())
    assert made == sorted(line.strip(", \t") for line in written.splitlines())
