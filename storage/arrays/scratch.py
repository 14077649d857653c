"""Large memory that is used again: the kernel takes as long to hand out fresh pages as to read a file into them."""

import ctypes
import sys
import threading
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

ONE_HOLDER = 2  # references that are counted if nobody but this module has one: its own, and the counting function's


# As malloc.h of the GNU C library numbers them, with the most bytes that it takes for the second.
ALLOCATOR = {"M_TRIM_THRESHOLD": (-1, 2**26), "M_MMAP_THRESHOLD": (-3, 2**25)}


@cache
def keep_freed_memory() -> None:
    """Let this process keep some of what smaller arrays free, for the next ones.

    The C library gives most of it back to the system after each task, the more so as Dask asks its workers for that.
    Does nothing with a library that has no such setting.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option, size in ALLOCATOR.values():
            set_option(option, size)


class _Kept(threading.local):
    """The piece of memory that a thread keeps."""

    memory: npt.NDArray[np.uint8] = np.empty(0, np.uint8)


_kept = _Kept()


def scratch(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array that may hold anything.

    It lies in the memory that the last one in this thread had, if that is large enough and no array refers to it any
    more; an array that is still held is never overwritten. Meant for arrays that a task drops at its end: while a
    small one is held, so is all of the memory.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if len(_kept.memory) < size or sys.getrefcount(_kept.memory) > ONE_HOLDER:
        drop_scratch()  # before there is another one
        _kept.memory = np.empty(size, np.uint8)
    return _kept.memory[:size].view(dtype).reshape(shape)


def drop_scratch() -> None:
    """Give the memory that this thread keeps back to the system, as soon as no array refers to it."""
    _kept.memory = np.empty(0, np.uint8)
