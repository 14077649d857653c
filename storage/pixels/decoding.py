"""The process that decodes unusual image files for another, one after the other, with limits on time and memory.

It ends when the other process does. It sees the end of the pipe that questions come from or, while a decoder works,
gets a signal of that pipe. macOS ignores the signal, so there the decoder goes on until its time is over. Limits are
the kernel's, since no Python code runs while a decoder hangs.
"""

import fcntl
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import AvifImagePlugin

from storage.errors import BadImageError
from storage.pixels.images import (
    DECODING_BYTES,
    NO_MEMORY,
    ImageForm,
    decode_opened,
    open_image,
    open_sound,
    upright_size,
)
from storage.pixels.isolated import PATIENCE, Answer, receive, send

if sys.platform != "win32":
    import resource

ROOM = 2**28  # bytes for an image of a few pixels; memory that is not used counts too
PIXELS_IN_ROOM = 2**22
COPIES = 4  # of the encoded image
STATUS = Path("/proc/self/statm")  # Linux only; other systems do not hold processes to a limit of this kind


def serve() -> None:
    """Answer questions from standard input until it ends."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # so that nothing that a decoder prints is taken for an answer
    _end_with(questions)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the stacks of a thread for each core would count as memory
    limit = _Memory()
    with suppress(EOFError, BrokenPipeError):
        while True:
            question = receive(questions)
            with _limited(question.head.get("seconds", 0)):
                answer = _answered(question, limit)
            send(answers, *answer)


class _Memory:
    """The limit of this process's memory, beyond what it has after its start."""

    def __init__(self) -> None:
        self._start = int(STATUS.read_bytes().split()[0]) * os.sysconf("SC_PAGE_SIZE") if STATUS.exists() else None
        self._hard = resource.getrlimit(resource.RLIMIT_AS)[1]

    def allow(self, room: int) -> None:
        """Let the process take so many bytes more than at its start."""
        if self._start is not None:
            wanted = self._start + room
            allowed = wanted if self._hard == resource.RLIM_INFINITY else min(wanted, self._hard)
            resource.setrlimit(resource.RLIMIT_AS, (allowed, self._hard))


def _answered(question: Answer, memory: _Memory) -> tuple[dict[str, Any], bytes | memoryview]:
    head, payload = question
    notes = Counter[str]()
    room = ROOM + COPIES * len(payload)
    memory.allow(room)
    try:
        if "ready" in head:
            return {}, b""
        if "form" not in head:
            return _looked(payload), b""
        image = open_sound(payload, notes)
        if image.width * image.height > PIXELS_IN_ROOM:
            memory.allow(room + DECODING_BYTES * image.width * image.height)
        pixels = np.ascontiguousarray(decode_opened(payload, image, _form(head["form"]), notes))
    except BadImageError as error:
        return {"reason": error.reason, "detail": error.detail, "notes": notes}, b""
    except MemoryError:
        return {"reason": "too large", "detail": NO_MEMORY, "notes": notes}, b""
    return {"shape": pixels.shape, "dtype": pixels.dtype.str, "notes": notes}, pixels.reshape(-1).view(np.uint8).data


def _looked(payload: bytes) -> dict[str, Any]:
    image = open_image(payload)
    width, height = upright_size(image, payload)
    return {"mode": image.mode, "width": width, "height": height}


def _form(stated: dict[str, Any]) -> ImageForm:
    low_and_high = stated["value_range"]
    return ImageForm(**stated | {"value_range": low_and_high and tuple(low_and_high)})


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """End this process if the block takes so many seconds of CPU time, or the process that asked ends meanwhile."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _end_with(questions: BinaryIO) -> None:
    """Get a signal whenever the pipe has something new, its end included. Between questions it is ignored."""
    for each in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(each, signal.SIG_DFL)
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    fcntl.fcntl(questions, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(questions, fcntl.F_SETFL, fcntl.fcntl(questions, fcntl.F_GETFL) | os.O_ASYNC)
