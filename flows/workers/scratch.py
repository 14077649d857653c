"""A private folder that is removed when this process ends, however it ends."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "eigenwave-"
# This script waits for the end of its input, a pipe that only its starter holds. Workers may write for a moment longer,
# so it tries several times to remove the folder. Its starter may send SIGTERM to all its children, so it ignores that.
WATCH = """
import shutil, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdin.read()
for _ in range(40):
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    if not Path(sys.argv[1]).exists():
        break
    time.sleep(0.1)
"""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder that only its user can enter, for the duration of the block.

    A process of a few megabytes removes it at the end of the block, or when this process ends in any other way.
    """
    folder = tempfile.mkdtemp(prefix=PREFIX)
    # The watcher has a session of its own, so that Ctrl-C and a closed terminal do not end it.
    watcher = subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", "-S", "-c", WATCH, folder], stdin=subprocess.PIPE, start_new_session=True
    )
    with watcher:
        yield Path(folder)
