"""What a file looks like from outside, so that it need not be read to know that it is as it was.

As in Git's index: a file whose stamp is that of another day has the content of that day. On this machine a stamp is its
size, inode, and times of modification and of change; the kernel sets the latter, so that a tool which keeps times of
modification, as rsync does, deceives nobody. In an object store it is size, time and tag, as the store lists them.

A file that changed a moment ago has no stamp. It may change once more within one tick of the clock that dates it, and
look the same; what is written to it through mapped memory is dated only once between two times it is synced to disk.
"""

import hashlib
import json
import os
import struct
import time

from storage.stores.store import Entry

MOMENT_SECONDS = 60  # Linux syncs within 35 s, ticks of file systems last up to 2 s, and clocks differ a little
_LOCAL = struct.Struct("<QqqQ")


def settled_before() -> float:
    """Time, in seconds since 1970, before which a file must have changed for a look at it now to give a stamp."""
    return time.time() - MOMENT_SECONDS


def file_stamp(status: os.stat_result, settled: float) -> bytes | None:
    """The stamp of a file on this machine, None if it changed after the time `settled`."""
    if status.st_ctime > settled:
        return None
    return _LOCAL.pack(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def object_stamp(entry: Entry, settled: float) -> bytes | None:
    """The stamp of an object, None if its store gives it no tag or it was written after the time `settled`."""
    if entry.tag is None or entry.modified.timestamp() > settled:
        return None
    return hashlib.sha256(json.dumps([entry.size, entry.modified.isoformat(), entry.tag]).encode()).digest()
