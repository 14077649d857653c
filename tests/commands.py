"""The command, run to its end: in a forked process if it is one that only reads and writes a workspace.

What a process does before it begins, such as imports and the path that it imports from, other tests look at, and these
start each process anew; so do commands that report to Prefect.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from eigenwave.__main__ import main
from tests.forks import FORKS
from tests.processes import EIGENWAVE

WITH_PREFECT = {"run", "audit", "monitor"}


def run_command(words, folder, environment):
    """The finished process of a command."""
    words = [str(word) for word in words]
    if not words or words[0] in WITH_PREFECT:
        return subprocess.run(
            [EIGENWAVE, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    with tempfile.TemporaryDirectory() as place:
        texts = [Path(place, name) for name in ("output", "errors")]
        process = FORKS.Process(target=_command, args=(words, str(folder), dict(environment), *map(str, texts)))
        process.start()
        process.join()
        return subprocess.CompletedProcess([EIGENWAVE, *words], process.exitcode, *(text.read_text() for text in texts))


def _command(words, folder, environment, *texts):
    """What the forked process does; the command ends it with its status."""
    for number, text in enumerate(texts, 1):
        file = os.open(text, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [EIGENWAVE, *words]
    main()
