"""Processes that a run starts on this machine: what they import first, and that they do not run the caller's script."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

# By name, since nothing here may depend on it. It makes sure that `flows`, `tasks` and `storage` are those of this
# installation, whatever lies in the folder where a process starts.
ENTRANCE = "eigenwave.installed"


@contextmanager
def script_left_alone() -> Iterator[None]:
    """Start processes in the block without running the caller's script again in each, as multiprocessing does.

    They need nothing of it, and a script that calls `eigenwave.run` at its top level would start workers in each.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
