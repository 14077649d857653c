"""A dataset of two splits with planted copies of known images."""

import numpy as np
from PIL import Image

from tests.datasets import smooth_images


def copy_exactly(folder, source, target):
    """Copy an image file."""
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    (folder / target).write_bytes((folder / source).read_bytes())


def copy_nearly(folder, source, target):
    """Copy an image with one pixel in twenty changed by one level."""
    pixels = np.asarray(Image.open(folder / source)).astype(int)
    changed = pixels + (np.random.default_rng(len(target)).random(pixels.shape) < 0.05)
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(changed.clip(0, 255).astype(np.uint8)).save(folder / target)


def planted(folder):
    """Images of the classes a, b and c with copies, and the pairs of names that are there: exact, and near."""
    smooth_images(folder / "train", count=30)
    smooth_images(folder / "test", count=12, start=500, seed=1)
    exact = [
        ("train/a/0001.png", "train/a/copy.png"),
        ("train/b/0002.png", "train/c/copy.png"),  # with another label
        ("train/c/0003.png", "test/c/copy.png"),  # leaked
    ]
    near = [
        ("train/a/0004.png", "train/a/near.png"),
        ("train/b/0005.png", "train/c/near.png"),  # with another label
        ("train/c/0006.png", "test/c/near.png"),  # leaked
    ]
    for source, target in exact:
        copy_exactly(folder, source, target)
    for source, target in near:
        copy_nearly(folder, source, target)
    return exact, near
