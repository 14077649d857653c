"""Start processes on this machine: the module that they import first, and a way not to run the caller's script."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

# A name and no import, since tasks may not depend on it. The module makes sure that a process imports `flows`, `tasks`
# and `storage` from this installation, whatever its working directory holds.
ENTRANCE = "eigenwave.installed"


@contextmanager
def script_left_alone() -> Iterator[None]:
    """Keep multiprocessing from running the caller's script again in each process that the block starts.

    The processes do not need the script. If it calls `eigenwave.run` at its top level, each would start workers again.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
