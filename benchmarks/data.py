"""Data for benchmarks: CIFAR-10 if EIGENWAVE_DATA names it, or else a stand-in with a similar spectrum."""

import os
import pickle
from pathlib import Path

import numpy as np
from PIL import Image

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.run.begin import begin_run
from tasks.run.job import Job
from tasks.run.state import load_mean, load_shard

CLASSES = 10


def images(folder: Path, count: int, side: int = 32) -> tuple[Path, str]:
    """Return a folder of class folders with `count` images of one size, and a description of the images."""
    real = os.environ.get("EIGENWAVE_DATA")
    if real and side == 32:  # noqa: PLR2004 - CIFAR's
        return _subset(Path(real) / "cifar10" / "train", folder / f"cifar-{count}", count), "CIFAR-10"
    return _stand_in(folder / f"stand-in-{count}-{side}", count, side), "stand-in with a 1/f spectrum"


def prepare(source: Path, folder: Path, rank: int, *, exact: bool, shard_size: int = 64 * 2**20) -> Job:
    """Transform the images; write the job and, if `exact`, the exact Gram matrix beside the workspace."""
    workspace = Workspace(folder / "workspace")
    workspace.prepare()
    settings = Settings(rank=rank, solver="krylov", warm_start="none", shard_size=shard_size)
    job = begin_run(str(source), settings, workspace)
    stages.transform(job, InlineFanout(), stages.silent)
    (folder / "job.pickle").write_bytes(pickle.dumps(job))
    if exact and not (folder / "gram.npy").exists():
        mean = load_mean(job)
        gram = np.zeros((job.plan.coefficients, job.plan.coefficients))
        for shard in job.plan.fitted_shards:
            block = load_shard(job, shard).astype(np.float64) - mean
            gram += block.T @ block
        np.save(folder / "eigenvalues.npy", np.linalg.eigvalsh(gram)[::-1])
        np.save(folder / "gram.npy", gram)
    return job


def _subset(source: Path, folder: Path, count: int) -> Path:
    """Make links to the images; if there are too few, the same images are linked again under further classes."""
    if folder.exists():
        return folder
    files = sorted(source.rglob("*.jpg"))
    for number in range(count):
        path = files[number * len(files) // count if count < len(files) else number % len(files)]
        place = folder / f"{path.parent.name}-{number // len(files)}" / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)
    return folder


def _stand_in(folder: Path, count: int, side: int) -> Path:
    if folder.exists():
        return folder
    random = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :]) + 1 / side
    for number in range(count):
        place = folder / str(number % CLASSES)
        place.mkdir(parents=True, exist_ok=True)
        noise = np.fft.rfft2(random.standard_normal((3, side, side))) / frequency
        waves = np.fft.irfft2(noise.mean(axis=0) * 0.8 + noise * 0.2, s=(side, side))
        pixels = 128 + 40 * waves / waves.std() + 4 * (number % CLASSES)
        image = Image.fromarray(np.moveaxis(pixels, 0, -1).clip(0, 255).astype(np.uint8))
        image.save(place / f"{number:07d}.jpg", quality=90)
    return folder
