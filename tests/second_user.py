"""Attempts of another user of the machine to reach the files and servers of a run."""

import os
import subprocess
import sys

import pytest

NOBODY = 65534
# The user's own Python may lie where strangers cannot read: everything is imported before the rights are given away.
BECOME = f"""
import encodings.idna, os
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
os.chdir("/")
"""


def as_second_user(imports, code, *words):
    """What Python code prints when another user runs it; `imports` is run before this process becomes that user."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user: what other users can reach was not tried")
    done = subprocess.run(
        [sys.executable, "-c", f"{imports}\n{BECOME}\n{code}", *map(str, words)],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
