"""Large buffers that are reused: the kernel takes as long to provide new pages as to read a file into them."""

import ctypes
import sys
import threading
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

ONE_HOLDER = 2  # reference count of an array that only this module holds: its own and that of getrefcount


# Numbers of the options in the GNU C library's malloc.h, with values in bytes. The second has its largest valid value.
ALLOCATOR = {"M_TRIM_THRESHOLD": (-1, 2**26), "M_MMAP_THRESHOLD": (-3, 2**25)}


@cache
def keep_freed_memory() -> None:
    """Let this process keep some memory of freed smaller arrays for the next ones.

    By default the C library returns most of it to the system after each task, and Dask makes its workers return more.
    Does nothing with a library that has no such setting.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option, size in ALLOCATOR.values():
            set_option(option, size)


class _Kept(threading.local):
    """The buffer that a thread keeps."""

    memory: npt.NDArray[np.uint8] = np.empty(0, np.uint8)


_kept = _Kept()


def scratch(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Make an uninitialized array in this thread's buffer.

    The buffer is reused if it is large enough and no array refers to it any more. Otherwise a new buffer replaces it,
    so an array that is still held is never overwritten. Use it for arrays that a task drops at its end: even a small
    array keeps the whole buffer in memory.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if len(_kept.memory) < size or sys.getrefcount(_kept.memory) > ONE_HOLDER:
        drop_scratch()  # first, so that two buffers are not held at once
        _kept.memory = np.empty(size, np.uint8)
    return _kept.memory[:size].view(dtype).reshape(shape)


def drop_scratch() -> None:
    """Drop this thread's buffer; its memory is freed as soon as no array refers to it."""
    _kept.memory = np.empty(0, np.uint8)
