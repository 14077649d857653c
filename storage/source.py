"""What a dataset is to the pipeline: samples in a stable order, whose bytes can be read by key."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from PIL import Image

from storage.errors import BadImageError
from storage.images import GRAY_MODES

PROBES = 1000


class Sample(NamedTuple):
    """One labelled image: its stable key, the number of its class, its split."""

    key: str
    class_id: int
    split: str


class Source(Protocol):
    """A labelled image dataset.

    Attributes
    ----------
    classes
        Class names; a sample's `class_id` is a position in them.
    """

    classes: tuple[str, ...]

    @property
    def ignored(self) -> int:
        """Files that lie in the dataset but are not images by their name."""
        ...

    def samples(self) -> Sequence[Sample]:
        """All samples, those of the split `train` first; the same order each time."""
        ...

    def read(self, key: str) -> bytes:
        """The stored bytes of a sample.

        Raises
        ------
        BadImageError
            If they cannot be read.
        """
        ...

    def image(self, payload: bytes) -> Image.Image:
        """The image that stored bytes hold, its pixels not yet decoded.

        Raises
        ------
        BadImageError
            If they hold none.
        """
        ...


@dataclass(frozen=True)
class Probe:
    """What a look at some images' headers shows: sizes as (width, height), and 3 channels if any has colour."""

    sizes: Counter[tuple[int, int]]
    channels: int


def probe(source: Source, samples: Sequence[Sample]) -> Probe:
    """Read the headers of up to `PROBES` samples, evenly spread."""
    step = -(-len(samples) // PROBES) or 1
    images = list(_readable(source, samples[::step]))
    colour = any(image.mode not in GRAY_MODES for image in images)
    return Probe(Counter(image.size for image in images), 3 if colour else 1)


def _readable(source: Source, samples: Sequence[Sample]) -> Iterator[Image.Image]:
    for sample in samples:
        try:
            yield source.image(source.read(sample.key))
        except BadImageError:
            continue  # the transform will quarantine it by name


def in_split_order(samples: Sequence[Sample]) -> list[Sample]:
    """Sort samples: split `train` first, then by split, class and key."""
    return sorted(samples, key=lambda sample: (sample.split != "train", sample.split, sample.class_id, sample.key))
