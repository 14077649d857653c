"""Write the database schema that a run's Prefect server starts from, made by the installed Prefect's migrations.

`make database` runs it after a new lock is installed.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

SCHEMA = Path(__file__).parent.parent / "flows" / "tracking" / "database.sql"
HEAD = """\
-- The empty database of Prefect's server, as its own migrations leave it; made by `make database`.
-- The schema is Prefect's, under the Apache License 2.0: https://github.com/PrefectHQ/prefect
-- prefect {version}
-- revision {revision}
"""


def migrated(path: Path) -> None:
    """Make the installed Prefect's database by its own migrations."""
    environment = os.environ | {
        "PREFECT_HOME": str(path.parent),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{path}",
    }
    subprocess.run(
        [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"], env=environment, check=True
    )


def schema(path: Path) -> str:
    """The SQL script that makes an equal database."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        lines = (line.rstrip() for statement in database.iterdump() for line in statement.splitlines())
        return HEAD.format(version=metadata.version("prefect"), revision=revision) + "\n".join(lines) + "\n"


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prefect.db"
        migrated(path)
        SCHEMA.write_text(schema(path), encoding="utf-8")


if __name__ == "__main__":
    main()
