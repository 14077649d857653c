import os
import subprocess
import sys

import pytest


@pytest.fixture
def foreign(tmp_path):
    """A folder whose own `storage`, `tasks` and `flows` hide the installed ones, and cannot be used in their place."""
    folder = tmp_path / "project"
    for name in ("storage", "flows"):
        (folder / name).mkdir(parents=True)
    (folder / "storage" / "__init__.py").write_text("raise RuntimeError('the storage of another project')\n")
    (folder / "flows" / "etl.py").write_text("raise RuntimeError('a flow of another project')\n")
    (folder / "tasks.py").write_text("raise RuntimeError('the tasks of another project')\n")
    return folder


@pytest.fixture
def python(foreign):
    """Run Python in the foreign folder as a user would: a script there, or with options; gives the finished process."""

    def run(*words, script=None, **environment):
        if script is not None:
            (foreign / "script.py").write_text(script)
            words = ("script.py",)
        variables = os.environ | {"COLUMNS": "120"} | environment
        variables.pop("PYTHONSAFEPATH", None)
        command = [sys.executable, *words]
        return subprocess.run(command, cwd=foreign, env=variables, capture_output=True, text=True, check=False)

    return run
