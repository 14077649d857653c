"""Compare the transform of images with its peers and limits: decoding, wavelets, storing, and the whole stage.

All contenders run in this process on one thread, and those of a table take turns in rounds. Times are medians of CPU
time, and ratios medians of the ratios within a round. `make bench` prints the tables.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # before anything loads BLAS

import google_crc32c
import numpy as np
import numpy.typing as npt
import pywt
import simplejpeg
from blake3 import blake3
from PIL import Image

from benchmarks.data import images
from storage.arrays.npy import save_npy
from storage.arrays.zarr import read_chunk, write_chunk
from storage.datasets.source import intact
from storage.formats.open import open_source
from storage.pixels.images import ImageForm
from storage.pixels.jpeg import place_for
from storage.pixels.payloads import decoder
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.files import write_parts
from storage.stores.store import PART_BYTES
from tasks.decompose.passes import open_solver
from tasks.decompose.scales import share_of_scales
from tasks.dtypes import FLOAT32
from tasks.run.begin import begin_run
from tasks.run.job import Job
from tasks.svd.products import Moments
from tasks.transform.around import begin_transform
from tasks.transform.images import BLOCK_BYTES
from tasks.transform.shard import transform_shard
from tasks.wavelet.space import CoefficientSpace
from tasks.wavelet.transform import WaveletTransform

Array = npt.NDArray[Any]
Contenders = Mapping[str, Callable[[], object]]

ROUNDS = 7
IN_BLOCKS = 8  # images, where PyWavelets is fastest with large ones
BASIC_PARTS = 5  # of the stage


def rounds(contenders: Contenders, count: int) -> list[dict[str, float]]:
    """Measure the CPU seconds of each contender in each round, after a round that is not counted."""
    every = []
    for _ in range(count + 1):
        times = {}
        for name, function in contenders.items():
            start = time.process_time()
            function()
            times[name] = time.process_time() - start
        every.append(times)
    return every[1:]


def table(title: str, contenders: Contenders, unit: tuple[str, float], repeats: int) -> dict[str, float]:
    """Print the contenders, ours first, with the ratio of each one's time to ours; return these ratios."""
    every = rounds(contenders, repeats)
    ours = next(iter(contenders))
    name, number = unit
    print(f"\n### {title}\n\n| | {name} | of eigenwave's time |\n|---|---|---|")
    ratios = {}
    for contender in contenders:
        seconds = median(times[contender] for times in every)
        ratios[contender] = median(times[contender] / times[ours] for times in every)
        bold = "**" if contender == ours else ""
        print(f"| {bold}{contender}{bold} | {number / seconds:,.0f} | {ratios[contender]:.2f} |", flush=True)
    return ratios


def decoding(folder: Path, count: int, repeats: int = ROUNDS) -> dict[str, float]:
    """Compare the reading and decoding of JPEG files."""
    dataset, kind = images(folder, count)
    source = open_source(str(dataset))
    samples = source.samples()
    paths = [f"{dataset}/{key}" for key in samples["key"].to_pylist()]
    with Image.open(paths[0]) as first:
        form = ImageForm(first.height, first.width, 3)
    place = place_for(form)

    def ours() -> None:
        decode = decoder(None, form)
        for payload in source.read(samples):
            decode(intact(payload))

    def bare() -> None:
        for path in paths:
            simplejpeg.decode_jpeg(_read(path), "RGB", buffer=place)

    def pillow() -> None:
        for path in paths:
            with Image.open(path) as image:
                np.asarray(image)

    contenders = {"eigenwave": ours, "limit: os.read + simplejpeg": bare, "Pillow": pillow}
    return table(f"Reading and decoding JPEG: {kind}", contenders, ("images a second", len(paths)), repeats)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def wavelets(side: int, wavelet: str = "haar", repeats: int = ROUNDS) -> dict[str, float]:
    """Compare two levels of the transform, and its inverse, on a block of colour images with contiguous channels."""
    count = max(1, BLOCK_BYTES // (FLOAT32 * side * side * 3))
    batch = np.random.default_rng(0).random((count, 3, side, side), dtype=np.float32)
    space = CoefficientSpace(WaveletTransform(wavelet, "periodization", 2, side, side), 3)
    out = np.empty((count, space.coefficients), np.float32)
    channels_last = np.moveaxis(batch, 1, 3)
    single = [np.ascontiguousarray(image) for image in channels_last]

    def batched(block: Array = batch) -> Array:
        return _row(pywt.wavedec2(block, wavelet, "periodization", 2, axes=(-2, -1)), len(block))

    contenders: Contenders = {
        "eigenwave": lambda: space.forward(channels_last, out),
        "limit: a copy": lambda: np.copyto(out[:, : batch[0].size], batch.reshape(count, -1)[:, : out.shape[1]]),
        "pywt.wavedec2, the batch": batched,
        f"pywt.wavedec2, {IN_BLOCKS} images at once": lambda: [
            batched(batch[start : start + IN_BLOCKS]) for start in range(0, count, IN_BLOCKS)
        ],
        "pywt.wavedec2, image by image": lambda: [
            _row(pywt.wavedec2(image, wavelet, "periodization", 2, axes=(0, 1)), 1) for image in single
        ],
        "pywt.wavedec2, image by image and channel by channel": lambda: [
            _row(pywt.wavedec2(channel, wavelet, "periodization", 2), 1) for image in batch for channel in image
        ],
        "eigenwave, the inverse": lambda: space.inverse(out),
        "pywt.waverec2, the batch": lambda: pywt.waverec2(
            pywt.wavedec2(batch, wavelet, "periodization", 2, axes=(-2, -1)), wavelet, "periodization", axes=(-2, -1)
        ),
    }
    np.testing.assert_allclose(space.forward(channels_last), batched(), atol=1e-5)
    return table(f"Wavelets: {wavelet}, {side} x {side} x 3", contenders, ("images a second", count), repeats)


def _row(bands: Sequence[Any], count: int) -> Array:
    flat = [bands[0], *(band for level in bands[1:] for band in level)]
    return np.concatenate([band.reshape(count, -1) for band in flat], axis=1)


def storing(folder: Path, rows: int, columns: int, repeats: int = ROUNDS) -> dict[str, float]:
    """Compare the writing and reading of a chunk of coefficients, and their parts."""
    chunk = np.random.default_rng(0).random((rows, columns), dtype=np.float32)
    coefficients = Workspace(str(folder)).run("r-storing").coefficients
    path, saved = coefficients / "chunk", coefficients / "saved"
    plain, bare, content = folder / "plain.bin", np.zeros_like(chunk), chunk.reshape(-1).view(np.uint8)
    chunk.tofile(plain)
    size = chunk.nbytes / 2**20
    writing: Contenders = {
        "eigenwave: write, synced, with CRC-32C and BLAKE3": lambda: write_chunk(path, chunk),
        "limit: ndarray.tofile": lambda: chunk.tofile(plain),
        "a file in parts, synced, renamed; no checksums": lambda: write_parts(
            saved, [part.data for part in _cut(content)]
        ),
        "the BLAKE3 alone": lambda: blake3(content.data).digest(),
        "the CRC-32C alone": lambda: google_crc32c.value(content),
        "BLAKE3 and CRC-32C of each part in turn": lambda: _check(content),
        "the SHA-256 alone, which is not taken": lambda: hashlib.sha256(content.data).digest(),
        "eigenwave: an array of intermediate state, synced": lambda: save_npy(saved, chunk),
    }
    table(f"Writing a chunk of {size:,.0f} MiB", writing, ("MiB a second", size), repeats)
    write_chunk(path, chunk)
    reading: Contenders = {
        "eigenwave: read, CRC-32C checked": lambda: read_chunk(path, chunk.shape),
        "limit: copy of a memmap": lambda: np.array(np.memmap(plain, np.float32, "r", shape=chunk.shape)),
        "the same into memory that is there": lambda: np.copyto(
            bare, np.memmap(plain, np.float32, "r", shape=chunk.shape)
        ),
        "limit: np.fromfile": lambda: np.fromfile(plain, np.float32),
        "a bare read into memory that is there": lambda: _read_into(plain, bare),
        "the CRC-32C alone": writing["the CRC-32C alone"],
    }
    return table(f"Reading a chunk of {size:,.0f} MiB", reading, ("MiB a second", size), repeats)


def _cut(content: Array) -> list[Array]:
    return [content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES)]


def _check(content: Array) -> None:
    digest, checksum = blake3(), 0
    for part in _cut(content):
        digest.update(part.data)
        checksum = google_crc32c.extend(checksum, part)


def _read_into(path: Path, values: Array) -> None:
    with path.open("rb", buffering=0) as file:
        for part in _cut(values.reshape(-1).view(np.uint8)):
            file.readinto(part.data)


def whole(folder: Path, count: int, repeats: int = 3) -> float:
    """Compare the whole stage with the sum of its parts, on the first shard of a new run."""
    dataset, kind = images(folder, count)
    space = Workspace(str(folder / "workspace"))
    space.prepare()
    job = begin_run(str(dataset), Settings(solver="krylov", rank=min(64, count // 4)), space)
    begin_transform(job)
    contenders = _parts(job, folder / "workspace")
    results = rounds(contenders, repeats)
    stage, *names = contenders
    ratios = [
        median(times[stage] / sum(times[name] for name in names[:count]) for times in results)
        for count in (BASIC_PARTS, len(names))
    ]
    number = len(job.plan.rows(0))
    print(f"\n### The stage as a whole: {kind}, a shard of {number:,} images\n")
    print("| | microseconds an image | of the stage |\n|---|---|---|")
    for name in [*names, stage]:
        label = f"**{name}**" if name == stage else name
        share = median(times[name] / times[stage] for times in results)
        print(f"| {label} | {1e6 * median(times[name] for times in results) / number:.1f} | {100 * share:.0f} % |")
    print(f"\nThe stage takes {ratios[0]:.2f} times the first {BASIC_PARTS} parts together, {ratios[1]:.2f} times all.")
    return ratios[0]


def _parts(job: Job, local: Path) -> Contenders:
    """Return the stage, which removes the results of earlier rounds, and its parts as contenders.

    The first five parts are needed for the result in any case. The others depend on the way it is stored.
    """
    source = open_source(job.source)
    samples = source.samples().slice(0, len(job.plan.rows(0)))
    paths = [f"{job.source}/{key}" for key in samples["key"].to_pylist()]
    payloads = [_read(path) for path in paths]
    form, space = job.form, job.space
    step = max(1, BLOCK_BYTES // (FLOAT32 * form.height * form.width * 3))
    batch = np.moveaxis(np.random.default_rng(0).random((step, 3, form.height, form.width), dtype=np.float32), 1, 3)
    starts = range(0, len(paths), step)
    blocks = np.empty((len(starts), step, space.coefficients), np.float32)
    for block in blocks:
        space.forward(batch, block)
    rows = blocks.reshape(-1, space.coefficients)[: len(paths)]
    used = np.ones(len(rows), np.bool_)
    place = job.paths.coefficients / "part"
    decoded = [simplejpeg.decode_jpeg(payload, "RGB") for payload in payloads[:step]]

    def scaled() -> None:
        for start in starts:
            for image, pixels in zip(batch[: len(rows) - start], decoded, strict=False):
                image[:] = pixels
            np.divide(batch, np.float32(255), out=batch)

    def first_pass() -> None:
        mean = np.zeros(rows.shape[1])
        Moments.of(rows, used, mean)
        share_of_scales(job, rows, used, mean)
        open_solver(job).first_share(rows, used, mean)

    def stage() -> None:
        for marker in (local / "shards").rglob("*.json"):
            marker.unlink()  # a shard without a marker is not complete
        job.paths.work.part(0).unlink()  # so that the digests of its images are unknown
        transform_shard(job, 0)

    return {
        "eigenwave, the stage": stage,
        "read": lambda: [_read(path) for path in paths],
        "decode": lambda: [simplejpeg.decode_jpeg(payload, "RGB") for payload in payloads],
        "wavelets": lambda: [space.forward(batch, block) for block in blocks],
        "write, with checksums": lambda: write_chunk(place, rows),
        "first pass": first_pass,
        "pixels as float32 in [0, 1], each channel on its own": scaled,
        "SHA-256 of the images": lambda: [hashlib.sha256(payload).digest() for payload in payloads],
    }


def main() -> None:
    """Print all tables."""
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name:
        folder = Path(name)
        decoding(folder, 5_000)
        for side, wavelet in ((28, "haar"), (32, "haar"), (32, "db4"), (64, "haar"), (224, "haar"), (224, "db4")):
            wavelets(side, wavelet)
        storing(folder, 5_461, 3_072)
        whole(folder, 5_000)


if __name__ == "__main__":
    main()
