"""What the images of each class and split look like as files: counts that add up over pieces of a dataset."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

Place = tuple[int, str]  # class id and split


@dataclass
class Seen:
    """Counts over some images.

    Attributes
    ----------
    images
        Number of images that could be decoded.
    nbytes
        Bytes of their stored files, or of their pixels where arrays are stored.
    brightness
        Sum over images of the mean of all pixels and channels, from 0 (black) to 1 (white); NaN for features.
    modes, sizes, endings
        Number of images by what their headers and names say: by mode, by (width, height) in pixels, and by the ending
        of the file, which may be empty.
    """

    images: int = 0
    nbytes: int = 0
    brightness: float = 0.0
    modes: Counter[str] = field(default_factory=Counter)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: "Seen") -> Self:
        self.images += other.images
        self.nbytes += other.nbytes
        self.brightness += other.brightness
        self.modes.update(other.modes)
        self.sizes.update(other.sizes)
        self.endings.update(other.endings)
        return self

    @property
    def mean_brightness(self) -> float | None:
        """Mean of all pixels, from 0 to 1; None without images, and for features."""
        return self.brightness / self.images if self.images and not math.isnan(self.brightness) else None

    @property
    def mean_bytes(self) -> float | None:
        """Bytes of an image; None without images."""
        return self.nbytes / self.images if self.images else None


def together(some: Iterable[Seen]) -> Seen:
    """Add counts."""
    total = Seen()
    for each in some:
        total += each
    return total


def by_class(seen: Mapping[Place, Seen]) -> dict[int, Seen]:
    """Add the splits of each class."""
    found: dict[int, Seen] = {}
    for (class_id, _), each in seen.items():
        found.setdefault(class_id, Seen())
        found[class_id] += each
    return found
