"""Compare the decoding of photographs at a small size with its limit, and what runs find in them. `make bench`.

The limit decodes with simplejpeg alone, at the same scale, and resizes with Pillow. Times are CPU times on one thread.
The contenders take turns, and ratios are medians of the ratios within a round. Images are parts of the two photographs
that scikit-learn ships, or of those in a folder: `python -m benchmarks.resizing FOLDER`.
"""

import importlib.metadata
import io
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from benchmarks.transform import Contenders, table
from flows import stages
from flows.workers.fanout import InlineFanout
from storage.pixels.images import ImageForm, Pixels
from storage.pixels.payloads import decoder
from storage.pixels.resizing import resized
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.tables.parquet import read_table
from tasks.run.begin import begin_run

ROUNDS = 41  # short and many, so that contenders meet with the same load
SIZE = (500, 375)  # of an image, in pixels
SIDE = 64
SHIPPED = "sklearn/datasets/images"


def photographs(folder: Path | None = None) -> list[Image.Image]:
    """Return the photographs of a folder, or those that scikit-learn ships."""
    place = folder or Path(str(importlib.metadata.distribution("scikit-learn").locate_file(SHIPPED)))
    files = sorted(path for path in place.iterdir() if path.suffix in {".jpg", ".png"})
    return [Image.open(path).convert("RGB") for path in files]


def part(photograph: Image.Image, random: np.random.Generator) -> bytes:
    """Return a JPEG file of a part of a photograph, at least half as wide as the widest of its shape, and darkened."""
    scale = min(photograph.width / SIZE[0], photograph.height / SIZE[1]) * random.uniform(0.5, 1)
    across, down = scale * SIZE[0], scale * SIZE[1]
    left, top = random.uniform(0, photograph.width - across), random.uniform(0, photograph.height - down)
    image = photograph.resize(SIZE, Image.Resampling.BICUBIC, (left, top, left + across, top + down))
    darkened = Image.fromarray((np.asarray(image) * random.uniform(0.6, 1)).astype(np.uint8))
    buffer = io.BytesIO()
    darkened.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def decoding(files: Sequence[bytes], repeats: int = ROUNDS) -> dict[str, float]:
    """Compare the decoding of JPEG files to squares with its limits; return the ratios to eigenwave's time."""
    form = ImageForm(SIDE, SIDE, 3, "crop")
    ours, exact = decoder(None, form), decoder(None, replace(form, exact=True))
    scale = form.scale(SIZE)

    def bare(file: bytes, **least: int) -> Pixels:
        image = Image.fromarray(simplejpeg.decode_jpeg(file, "RGB", **least))
        return np.asarray(resized(image, form.size, "crop"))

    contenders: Contenders = {
        "eigenwave": lambda: [ours(file) for file in files],
        f"limit: simplejpeg at 1/{scale} + Pillow": lambda: [
            bare(file, min_width=SIZE[0] // scale, min_height=SIZE[1] // scale) for file in files
        ],
        "eigenwave, `--exact-resize`": lambda: [exact(file) for file in files],
        "limit: simplejpeg, whole + Pillow": lambda: [bare(file) for file in files],
    }
    title = f"JPEG of {SIZE[0]} x {SIZE[1]} pixels to {SIDE} x {SIDE}"
    return table(title, contenders, ("images a second", len(files)), repeats)


def learnability(folder: Path, of: Sequence[Image.Image], count: int, **settings: object) -> dict[bool, float]:
    """Print and return the learnability, exact or not, of a dataset of parts whose classes are the photographs."""
    random = np.random.default_rng(0)
    for number, photograph in enumerate(of):
        place = folder / "data" / f"{number:02d}"
        place.mkdir(parents=True)
        for name in range(count):
            (place / f"{name:04d}.jpg").write_bytes(part(photograph, random))
    workspace = Workspace(folder / "workspace")
    workspace.prepare()
    found = {}
    for exact in (True, False):
        job = begin_run(str(folder / "data"), Settings(size=SIDE, exact_resize=exact, **settings), workspace)
        stages.compute(job, InlineFanout())
        found[exact] = read_table(job.paths.table("learnability"))["learnability"][0].as_py()
        print(f"{len(of)} classes of {count} images, {'exact' if exact else 'scaled'}: learnability {found[exact]:.5f}")
    return found


def main(folder: Path | None = None) -> None:
    """Print the table and both numbers."""
    found, random = photographs(folder), np.random.default_rng(0)
    decoding([part(found[number % len(found)], random) for number in range(50)])
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name:
        learnability(Path(name), found, 100)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
