"""Decode unusual image files in a process of their own, so that a decoder that crashes or never ends costs one image.

The process is started for the first unusual file of a thread, and serves all later ones. It ends with this process.
`storage.pixels.decoding` is its other side.
"""

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import weakref
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from typing import IO, Any, NamedTuple

import numpy as np

from storage.errors import HOME, BadImageError, EigenwaveError
from storage.pixels.images import ImageForm, Pixels

SECONDS = 60  # of CPU time for one image; the slowest that the limits on pixels and scans allow takes 20
PATIENCE = 20  # times as many seconds for a decoder that waits instead of computing
TRIES = 2  # somebody else, or the kernel for lack of memory, may have ended the process the first time
PIPE_BYTES = 2**20
MOST_HEAD, MOST_BODY = 2**20, 2**32  # bytes
ENDING_SECONDS = 10  # of a process that closed its pipe
# One thread, as nothing is multiplied; and memory of the last image is kept for the next (glibc, in bytes).
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": f"{2**25}", "MALLOC_TRIM_THRESHOLD_": f"{2**26}"}
LENGTHS = struct.Struct("<IQ")  # of the head and the body of a message, in bytes
# Python's own isolation would hide packages that PYTHONPATH names, so the process gets the import path of this one.
BEGIN = "import sys; sys.path[:] = sys.argv[1:]; from storage.pixels.decoding import serve; serve()"
TOO_SLOW = frozenset({-signal.SIGPROF, -signal.SIGALRM})  # as exit status


class Answer(NamedTuple):
    """A message: its head, which is JSON, and its body."""

    head: dict[str, Any]
    body: bytes


def decode(payload: bytes, form: ImageForm, notes: Counter[str] | None = None) -> Pixels:
    """Decode an image file as `storage.pixels.images.decode_file` does, in the other process.

    Raises
    ------
    BadImageError
        If the image cannot be used, or its decoder crashed, took too long or took too much memory.
    EigenwaveError
        If the process cannot be started.
    """
    head, body = _ask(_decoding(form), payload)
    if notes is not None:
        notes.update(head["notes"])
    _require_good(head)
    pixels: Pixels = np.frombuffer(body, head["dtype"]).reshape(head["shape"])
    return pixels


@lru_cache(maxsize=16)
def _decoding(form: ImageForm) -> dict[str, Any]:
    return {"form": asdict(form)}


def look(payload: bytes) -> tuple[str, tuple[int, int]]:
    """Mode and size (width, height) of an image file as it is decoded, from its header, which the other process reads.

    Raises
    ------
    BadImageError
        If its header cannot be read.
    EigenwaveError
        If the process cannot be started.
    """
    head, _ = _ask({}, payload)
    _require_good(head)
    return head["mode"], (head["width"], head["height"])


def send(stream: IO[bytes], head: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """Write a message."""
    text = json.dumps(head).encode()
    stream.write(LENGTHS.pack(len(text), len(body)) + text)
    stream.write(body)
    stream.flush()


def receive(stream: IO[bytes]) -> Answer:
    """Read a message.

    Raises
    ------
    EOFError
        If the stream ends before it, or has something else, as after a decoder that wrote where it should not.
    """
    lengths = stream.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        raise EOFError
    of_head, of_body = LENGTHS.unpack(lengths)
    if of_head > MOST_HEAD or of_body > MOST_BODY:
        raise EOFError
    head, body = stream.read(of_head), stream.read(of_body)
    try:
        parsed = json.loads(head)
    except (ValueError, RecursionError):
        raise EOFError from None
    if len(body) < of_body or not isinstance(parsed, dict):
        raise EOFError
    return Answer(parsed, body)


class _Process:
    """The other process, and the pipes to it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603 - this Python
            [sys.executable, "-P", "-c", BEGIN, str(HOME), *filter(None, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | ENVIRONMENT,
            start_new_session=True,  # Ctrl-C is for this process, which then ends the other
        )
        for pipe in (self._process.stdin, self._process.stdout):
            _widen(pipe)
        self.end = weakref.finalize(self, _end, self._process)

    def ask(self, question: dict[str, Any], payload: bytes) -> Answer:
        """Send a question and wait for the answer; EOFError or BrokenPipeError if the process ends instead."""
        assert self._process.stdin is not None  # noqa: S101 - for mypy: both are pipes
        assert self._process.stdout is not None  # noqa: S101
        send(self._process.stdin, question, payload)
        return receive(self._process.stdout)

    def status(self) -> int:
        """Exit status of a process that ends: the negative number of the signal that ended it."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(ENDING_SECONDS)
        self.end()
        return self._process.wait()


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold more, so that large images pass in fewer turns; Linux only."""
    if pipe is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # a user may have only so many large pipes
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


class _Local(threading.local):
    """The process of a thread."""

    process: _Process | None = None


_local = _Local()


def _ask(question: dict[str, Any], payload: bytes) -> Answer:
    """Ask this thread's process; a second time, and a new process, if it ends meanwhile."""
    if not payload:
        raise BadImageError("empty", "the file has no bytes")
    status = 0
    for _ in range(TRIES):
        process = _started()
        try:
            answer = process.ask(question | {"seconds": SECONDS}, payload)
        except (EOFError, BrokenPipeError):
            status = process.status()
            _dropped(process)
            if status in TOO_SLOW:
                raise BadImageError("too slow", f"decoding it takes more than {SECONDS} s of CPU time") from None
        except BaseException:  # such as Ctrl-C: an answer that nobody waits for would be taken for the next
            _dropped(process)
            raise
        else:
            return answer
    raise BadImageError("crash", f"its decoder ended with {_named(status)}")


def _require_good(head: dict[str, Any]) -> None:
    if "reason" in head:
        raise BadImageError(head["reason"], head["detail"])


def _started() -> _Process:
    """The process of this thread. It is started if there is none, or if this process was forked since."""
    process = _local.process
    if process is None or process.owner != os.getpid():
        process = _Process()
        try:
            process.ask({"ready": True}, b"")
        except (EOFError, BrokenPipeError):
            raise EigenwaveError(
                f"The process that decodes unusual images did not start ({_named(process.status())}); free some "
                "memory, or install eigenwave again."
            ) from None
        _local.process = process
    return process


def _dropped(process: _Process) -> None:
    process.end()
    _local.process = None


def _named(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
