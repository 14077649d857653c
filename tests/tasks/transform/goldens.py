"""Known images with their coefficients, properties and addresses, which versions of the transform stand for.

`python -m tests.tasks.transform.goldens FILE` computes them as they are now. Bits depend on which instructions BLAS and
NumPy use, so the file in goldens/ is written, and compared, with those of AVX2: see `environment`.
"""

import json
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from storage.runs import shards
from storage.runs.shards import DECODERS
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.tables.batches import metadata_of, read_batch
from tasks.planning import outlook
from tasks.run.begin import begin_run
from tasks.run.state import load_properties
from tasks.transform.shard import bring_shard

FOLDER = Path(__file__).parent / "goldens"
EXPECTED = FOLDER / "expected.npz"
# Addresses hold the versions of libraries; these stand for any.
VERSIONS = dict.fromkeys(DECODERS, "1")

EXACT = {"exact_resize": True}  # as earlier versions resized files, with the addresses that they gave

# The name of a case: what it is of, and the settings that are not the usual.
CASES = {
    "gray": ("gray", {}),
    "rgb": ("rgb", {}),
    "uint16": ("uint16", {}),
    "uint16 in a range": ("uint16", {"value_range": (0, 65535)}),
    "float": ("float", {"value_range": (-1, 2)}),
    "decoded, cropped": ("files", {"size": 12, "fit": "crop"} | EXACT),
    "decoded, padded": ("files", {"size": 12, "fit": "pad"} | EXACT),
    "decoded, enlarged": ("files", {"size": 24} | EXACT),
    "decoded smaller, cropped": ("files", {"size": 4, "fit": "crop"}),
    "decoded smaller, padded": ("files", {"size": 4, "fit": "pad"}),
    **{
        f"wavelet {name}": ("rgb", {"wavelet": name, "level": 1})
        for name in ("db2", "db4", "sym4", "coif1", "bior2.2", "rbio3.1")
    },
    "wavelet dmey": ("gray", {"wavelet": "dmey", "level": 1}),
    **{
        f"mode {name}": ("gray", {"wavelet": "db2", "mode": name, "level": 1})
        for name in ("zero", "constant", "symmetric", "reflect", "periodic", "smooth", "antisymmetric", "antireflect")
    },
    **{f"level {level}": ("rgb", {"level": level}) for level in (1, 2, 3)},
    "colour gray": ("rgb", {"colour": "gray"}),
    "colour ycbcr": ("rgb", {"colour": "ycbcr"}),
    "float16": ("rgb", {"dtype": "float16"}),
    "bands LL": ("rgb", {"bands": "LL"}),
    "bands details": ("rgb", {"bands": "details"}),
    "bands HH1,2": ("rgb", {"bands": "HH1,2"}),
    "weights": ("rgb", {"weights": "LL=0.3,1=1.7"}),
    "threshold": ("rgb", {"threshold": 0.4}),
    "threshold without the finest band": ("gray", {"threshold": 0.7, "bands": "LL,2"}),
    "modulus": ("rgb", {"transform": "modulus"}),
    "modulus db2": ("gray", {"transform": "modulus", "wavelet": "db2", "level": 1}),
    "modulus ycbcr": ("rgb", {"transform": "modulus", "colour": "ycbcr", "weights": "LL=0.5"}),
    "modulus rgb": ("rgb", {"transform": "modulus", "colour": "rgb"}),
    "scattering": ("files", {"transform": "scattering", "size": 32} | EXACT),
    "scattering gray": (
        "files",
        {"transform": "scattering", "size": 17, "colour": "gray", "octaves": 2, "angles": 3, "cells": 5} | EXACT,
    ),
    "scattering plain": (
        "files",
        {"transform": "scattering", "size": 24, "logarithm": False, "bands": "LL,S2"} | EXACT,
    ),
    "all at once": (
        "files",
        {"size": 16, "wavelet": "db2", "mode": "reflect", "colour": "ycbcr", "weights": "LL=0.5", "threshold": 0.2}
        | {"dtype": "float16", "level": 2}
        | EXACT,
    ),
}

# Cases of which the properties are known too.
DESCRIBED = ("gray", "rgb", "uint16", "float", "decoded, cropped")


def write_images(folder):
    """The known images: done once, since encoders change from version to version."""
    random = np.random.default_rng(17)
    down, right = np.mgrid[:16, :12] / 16

    def wave(*channels):
        phases = random.uniform(0, 6, (2, 1, 1, *channels))
        smooth = 0.5 + 0.3 * np.sin(7 * down + 3 * right)[None, ..., *[None] * len(channels)] * np.cos(phases)
        return (smooth + random.normal(0, 0.06, (2, 16, 12, *channels))).clip(0, 1)

    stored = {
        "gray": (wave() * 255).astype(np.uint8),
        "rgb": (wave(3) * 255).astype(np.uint8),
        "uint16": (wave() * 65535).astype(np.uint16),
        "float": (wave(3) * 3 - 1).astype(np.float32),
    }
    for name, images in stored.items():
        np.savez_compressed(folder / f"{name}.npz", images=images, labels=np.arange(2))
    (folder / "files" / "a").mkdir(parents=True)
    (folder / "files" / "b").mkdir()
    big = (np.kron(wave(3)[0], np.ones((3, 3, 1))) * 255).astype(np.uint8)
    Image.fromarray(big[:40, :30]).save(folder / "files" / "a" / "1.jpg", quality=80)
    Image.fromarray(big[4:44, 3:36]).save(folder / "files" / "a" / "2.png")
    Image.fromarray(big[8:, :35, 0]).save(folder / "files" / "b" / "3.jpg", quality=90)
    Image.fromarray(big[2:, 1:]).save(folder / "files" / "b" / "4.webp", quality=80)


def source_of(name):
    """Where the images of a case lie."""
    return FOLDER / "files" if name == "files" else FOLDER / f"{name}.npz"


def computed(name):
    """The coefficients of a case's images as a run stores them, and the address of their shard."""
    return brought(name, lambda job, rows: rows.astype(job.settings.coefficients.dtype), "shard_key")


def described(name):
    """The properties of a case's images as a run stores them, and the address of their shard."""
    return brought(name, lambda job, _: load_properties(job, 0).copy(), "property_key")


def brought(name, rows_of, key):
    """What a function makes of a case's job and coefficients, and an address of its shard."""
    images, settings = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(folder)
        workspace.prepare()
        # Most cases have an image a class, too few for a run and enough for coefficients.
        with patch.object(outlook, "_require_repeated_classes"):
            job = begin_run(str(source_of(images)), Settings.load({"rank": 1} | settings), workspace)
        rows = bring_shard(job, 0).coefficients
        return rows_of(job, rows), metadata_of(read_batch(job.paths.work.part(0)), key)


def everything():
    """Coefficients by case, and under `about` the addresses and the versions of the libraries that decide the bits."""
    found = {name: computed(name) for name in CASES} | {f"properties, {name}": described(name) for name in DESCRIBED}
    about = {"keys": {name: key for name, (_, key) in found.items()}, "versions": {n: version(n) for n in DECODERS}}
    return {name: rows for name, (rows, _) in found.items()} | {"about": np.array(json.dumps(about))}


def environment():
    """Variables that have BLAS and NumPy use AVX2 and nothing newer."""
    newer = [name for name in np._core._multiarray_umath.__cpu_dispatch__ if name != "X86_V3"]  # noqa: SLF001
    disabled = {"NPY_DISABLE_CPU_FEATURES": " ".join(newer)}
    return os.environ | {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"} | disabled


if __name__ == "__main__":
    shards._versions = lambda: VERSIONS  # noqa: SLF001
    np.savez_compressed(sys.argv[1], **everything())
