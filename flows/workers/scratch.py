"""A private folder that goes with this process, however that ends."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "eigenwave-"
# Waits for the end of its input, which is a pipe that only its starter holds. Workers may write for a moment longer.
# A starter that ends what it has started is not to end this.
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
    """A new folder that only its user can enter, for the time of the block.

    A process of a few megabytes removes it at the end of the block, or when this process has ended in any other way.
    """
    folder = tempfile.mkdtemp(prefix=PREFIX)
    # In a session of its own: Ctrl-C, and a terminal that closes, are for the command.
    watcher = subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", "-S", "-c", WATCH, folder], stdin=subprocess.PIPE, start_new_session=True
    )
    with watcher:
        yield Path(folder)
