"""Cost of the checks of image files, and memory of the worst image: `python -m benchmarks.checks`.

Prints CPU microseconds an image of each check and of the process that decodes unusual files. Then, for the largest
image that is allowed, it prints the memory of that process beside what a plan projects.
"""

import io
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from storage.pixels import containers, isolated, jpeg_warnings, png
from storage.pixels.images import DECODING_BYTES, MAX_PIXELS, ImageForm, decode_file, open_image
from storage.pixels.payloads import decoder
from tasks.planning.memory import DECODER

SIDE, IMAGES, ROUNDS = 32, 200, 5
MIB = 2**20


def encoded(image: Image.Image, kind: str) -> bytes:
    """The bytes of an image file."""
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def microseconds(work: Callable[[bytes], object], payload: bytes) -> float:
    """Median CPU time of this process for one image."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(IMAGES):
            work(payload)
        times.append((time.process_time() - start) / IMAGES * 1e6)
    return statistics.median(times)


def main() -> None:
    """Print the costs, and then the memory."""
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    files = {kind: encoded(image, kind) for kind in ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP")}
    form, notes = ImageForm(SIDE, SIDE, 3), Counter[str]()
    opened = {kind: open_image(payload) for kind, payload in files.items()}
    opened["PNG"].load()
    checks: list[tuple[str, Callable[[bytes], object], str]] = [
        ("JPEG, whole decoding", decoder(None, form), "JPEG"),
        ("JPEG, text mode", jpeg_warnings.require_binary, "JPEG"),
        ("JPEG, scans", jpeg_warnings.require_few_scans, "JPEG"),
        ("JPEG, all warnings (unusual files)", lambda payload: jpeg_warnings.require_sound(payload, notes), "JPEG"),
        ("PNG, checksums", png.require_sound, "PNG"),
        ("PNG, all rows", lambda payload: png.require_all_rows(payload, opened["PNG"]), "PNG"),
        ("TIFF, header", containers.require_header, "TIFF"),
    ]
    checks += [
        (f"{kind}, structure", lambda payload, kind=kind: containers.require_sound(payload, opened[kind], notes), kind)  # type: ignore[misc]
        for kind in ("TIFF", "WEBP", "GIF", "BMP")
    ]
    for name, work, kind in checks:
        print(f"{name}: {microseconds(work, files[kind]):.2f}")
    for kind in ("TIFF", "WEBP", "GIF", "BMP"):
        here = microseconds(lambda payload: decode_file(payload, form), files[kind])
        asked = microseconds(lambda payload: isolated.decode(payload, form), files[kind])
        print(f"{kind}, decoded here {here:.0f}; asking the other process {asked:.0f} of this one")
    _memory()


def _memory() -> None:
    side = round(MAX_PIXELS**0.5)
    print(f"projected for {side} x {side} pixels: {(DECODER + DECODING_BYTES * MAX_PIXELS) / MIB:,.0f} MiB")
    for kind in ("PNG", "WEBP"):
        payload = encoded(Image.new("RGBA", (side, side)), kind)
        isolated.decode(payload, ImageForm(SIDE, SIDE, 3, "crop"))
        print(f"measured, {kind} of {len(payload):,} bytes: {_peak() / MIB:,.0f} MiB")


def _peak() -> int:
    """Most memory that a process which this one started has taken; Linux only."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    texts = (Path(f"/proc/{child}/status").read_text() for child in children)
    return max(int(line.split()[1]) * 1024 for text in texts for line in text.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
