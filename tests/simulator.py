"""Datasets whose truth is known, small enough for a whole run in less than a second.

Images are sums of a dozen smooth waves and some noise. A dataset differs from the others only in what the strengths of
the waves, or the labels, have to do with each other.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.fft import idctn

SIDE = 16
WAVES = 12
RANK = 16
GRAY, DEVIATION, NOISE = 128, 20.0, 3.0  # mean of a pixel of 8 bits, deviation of the waves' sum, and of the noise
WIDE = 32  # how many times larger deviations are in 16 bits, where they may be far out
# Frequencies of the waves, low ones first, without the mean brightness.
FREQUENCIES = [(row, total - row) for total in range(1, 5) for row in range(total + 1)][:WAVES]
DECAY = 0.9 ** np.arange(WAVES)

Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Made:
    """A made dataset.

    Attributes
    ----------
    images, labels
        Pixels (n, SIDE, SIDE) and classes (n,).
    held_out
        Mask of the images of the split `test` (n,); none if there is one split only.
    names
        Names of the images, which are then written as files; none for arrays without names.
    settings
        Settings of a run beyond `RUN`.
    """

    images: Numbers
    labels: Numbers
    held_out: Numbers | None = None
    names: list[str] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def write(self, folder):
        """Write the dataset, and return its address."""
        folder.mkdir(parents=True)
        if self.names is not None:
            for pixels, label, name in zip(self.images, self.labels, self.names, strict=True):
                path = folder / f"class{label}" / f"{name}.png"
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(pixels).save(path)
            return folder
        held_out = np.zeros(len(self.labels), bool) if self.held_out is None else self.held_out
        splits = {"train": ~held_out, "test": held_out} if held_out.any() else {"train": ~held_out}
        arrays = {f"{split}_images": self.images[rows] for split, rows in splits.items()}
        arrays |= {f"{split}_labels": self.labels[rows] for split, rows in splits.items()}
        np.savez(folder / "made.npz", **arrays)
        return folder / "made.npz"


RUN = {"rank": RANK, "scales": False, "cluster": "inline", "solver": "gram"}


def pictures(strengths, random, *, wide=False):
    """Images with the given strengths of the waves (n, WAVES), in units of each wave's deviation."""
    spectra = np.zeros((WAVES, SIDE, SIDE))
    spectra[np.arange(WAVES), [row for row, _ in FREQUENCIES], [column for _, column in FREQUENCIES]] = 1
    waves = idctn(spectra, axes=(1, 2), norm="ortho")
    size = DEVIATION * SIDE * DECAY / np.sqrt((DECAY**2).sum())
    pixels = np.tensordot(strengths * size, waves, 1) + NOISE * random.standard_normal((len(strengths), SIDE, SIDE))
    if wide:
        return (2**15 + WIDE * pixels).clip(0, 2**16 - 1).astype(np.uint16)
    return (GRAY + pixels).clip(0, 255).astype(np.uint8)


def noise(seed, n=600, classes=3):
    """Labels that say nothing."""
    random = np.random.default_rng(seed)
    return Made(pictures(random.standard_normal((n, WAVES)), random), random.integers(0, classes, n))


def planted(seed, effect=1.0, n=600, classes=3, split=False):
    """Class means that lie `effect` deviations from their mean, on each of the first four waves."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    means = random.standard_normal((classes, 4))
    means = (means - means.mean(axis=0)) / means.std(axis=0) * effect
    strengths = random.standard_normal((n, WAVES))
    strengths[:, :4] += means[labels]
    return Made(pictures(strengths, random), labels, np.arange(n) >= 2 * n // 3 if split else None)


def scenes(seed, frames=12, count=40, classes=2):
    """Scenes of frames that look alike; a scene has a label, which says nothing."""
    random = np.random.default_rng(seed)
    scene = np.repeat(np.arange(count), frames)
    strengths = random.standard_normal((count, WAVES))[scene] + 0.1 * random.standard_normal((len(scene), WAVES))
    labels = random.permutation(np.arange(count) % classes)[scene]
    names = [f"scene{number:03d}_frame{row % frames:03d}" for row, number in enumerate(scene)]
    return Made(pictures(strengths, random), labels, names=names, settings={"group": r"scene\d+"})


def copies(seed, times=10, count=60, classes=3):
    """Images that come many times, and whose labels say nothing; an image always has the same label."""
    random = np.random.default_rng(seed)
    which = np.repeat(np.arange(count), times)
    images = pictures(random.standard_normal((count, WAVES)), random)
    return Made(images[which], random.integers(0, classes, count)[which])


def shifted(seed, contrast=1.4, brightness=20, effect=1.0, n=900):
    """As `planted`, and the images of the split `test` have another contrast and brightness."""
    made = planted(seed, effect, n, split=True)
    other = ((made.images - GRAY * 1.0) * contrast + GRAY + brightness).clip(0, 255).astype(np.uint8)
    return Made(np.where(made.held_out[:, None, None], other, made.images), made.labels, made.held_out)


PIXEL, COLUMN, BORDER = np.zeros((3, SIDE, SIDE), bool)
PIXEL[4, 9] = COLUMN[:, 11] = BORDER[[0, -1]] = BORDER[:, [0, -1]] = True


def marked(seed, where=PIXEL, strength=50, n=600, classes=3):
    """Labels that say nothing of the waves, but some pixels are brighter in the last class."""
    made = noise(seed, n, classes)
    brighter = made.images + strength * where * (made.labels == classes - 1)[:, None, None]
    return Made(brighter.clip(0, 255).astype(np.uint8), made.labels)


def spreads(seed, n=600, ratio=3.0, share=0.1):
    """Equal means; a class of a tenth of the images varies three times as much along every wave."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < share).astype(np.int64)
    strengths = random.standard_normal((n, WAVES)) * np.where(labels == 1, ratio, 1)[:, None] / 2
    return Made(pictures(strengths, random), labels)


def direction(seed, n=900, ratio=3.0, classes=3, wave=2):
    """Equal means; one class varies three times as much along one wave, and in nothing else."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    strengths = random.standard_normal((n, WAVES))
    strengths[:, wave] *= np.where(labels == 0, ratio, 1)
    return Made(pictures(strengths, random), labels)


def tails(seed, n=600, classes=3):
    """Labels that say nothing; strengths come from Student's t with two degrees of freedom, in 16 bits."""
    random = np.random.default_rng(seed)
    return Made(pictures(random.standard_t(2, (n, WAVES)), random, wide=True), random.integers(0, classes, n))


def rare(seed, counts=(900, 36), effect=6.0):
    """Classes of very different sizes, far apart on a wave of their own each."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(len(counts)), counts))
    strengths = 0.5 * random.standard_normal((len(labels), WAVES))
    strengths[np.arange(len(labels)), labels] += effect / 2
    return Made(pictures(strengths, random), labels)


def separated(seed, classes=400, images=3):
    """Many classes, each in a place of its own."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(classes), images))
    strengths = random.standard_normal((classes, WAVES))[labels] + 0.01 * random.standard_normal((len(labels), WAVES))
    return Made(pictures(strengths, random), labels)


def handfuls(seed, classes=100, images=3):
    """Many classes of few images, whose labels say nothing."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(classes), images))
    return Made(pictures(random.standard_normal((len(labels), WAVES)), random), labels)
