"""Decoders that crash, hang, or take memory: for processes whose import path begins with the folder that `plant` makes.

A BMP file whose end names a fault has it: BMP files may be longer than they say.
"""

import threading

from tests.storage.pixels.damage import encode, picture

# Python imports this as it starts. The faults are real: a write to address 0, C code that holds Python's lock while it
# computes or sleeps, and memory that is asked for.
SITE = """
import ctypes, os, re, signal, sys

def load(self):
    content = self.fp.getvalue() if hasattr(self.fp, "getvalue") else b""
    name = content[-200:].partition(b"FAULT:")[2]
    if name and {note!r}:
        with open({note!r}, "a") as file:
            file.write(f"{{name.decode()}} {{os.getpid()}} {{os.getppid()}}\\n")
    if name == b"segfault":
        ctypes.memset(0, 1, 1)
    elif name == b"loop":
        re.match("(a+)+b", "a" * 100)
    elif name == b"sleep":
        ctypes.PyDLL(None).sleep(1000)
    elif name == b"memory":
        bytearray(8 * 2**30)
    return original(self)

if "decoding" in "".join(sys.orig_argv):
    from PIL import ImageFile
    original, ImageFile.ImageFile.load = ImageFile.ImageFile.load, load
    timer = signal.setitimer
    signal.setitimer = lambda which, seconds: timer(which, seconds * {speed})
"""
FAULTS = ("segfault", "loop", "sleep", "memory")
REASONS = {"segfault": "crash", "loop": "too slow", "sleep": "too slow", "memory": "too large"}


class Fresh(threading.local):
    """In place of `isolated._local`: no decoding process yet."""

    process = None


def plant(folder, speed=1 / 60, note=""):
    """Write what makes each decoding process faulty; time limits pass `1 / speed` times as fast.

    Each process that meets a fault writes its own id and that of its parent into the file `note`.
    """
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SITE.format(speed=speed, note=str(note)))
    return str(folder)


def faulty(fault, seed=0):
    return encode(picture(seed), "BMP") + b"FAULT:" + fault.encode()
