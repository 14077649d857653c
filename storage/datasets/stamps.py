"""Stamps of files, which show without reading a file whether it has changed.

They work as in Git's index: a file with the same stamp as on an earlier day has the same content. On this machine a
stamp is a file's size, inode, and times of modification and of change. The kernel sets the time of change, so a tool
that preserves times of modification, such as rsync, cannot hide a change. In an object store a stamp is the size, time
and tag that the store lists.

A file that changed a moment ago has no stamp. It may change again within one tick of the file system's clock and look
the same. Writes through mapped memory are dated only once between two syncs to disk.
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
    """Time in seconds since 1970; only a file that last changed before it has a stamp now."""
    return time.time() - MOMENT_SECONDS


def file_stamp(status: os.stat_result, settled: float) -> bytes | None:
    """Stamp of a file on this machine; None if it changed after the time `settled`."""
    if status.st_ctime > settled:
        return None
    return _LOCAL.pack(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def object_stamp(entry: Entry, settled: float) -> bytes | None:
    """Stamp of an object; None if its store gives it no tag, or it was written after the time `settled`."""
    if entry.tag is None or entry.modified.timestamp() > settled:
        return None
    return hashlib.sha256(json.dumps([entry.size, entry.modified.isoformat(), entry.tag]).encode()).digest()
