"""Large memory that is used again: the kernel takes as long to hand out fresh pages as to read a file into them."""

import sys
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

ONE_HOLDER = 2  # references that are counted if nobody but this module has one: its own, and the counting function's


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
