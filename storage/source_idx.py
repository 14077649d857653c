"""IDX files as MNIST has them: images and labels in two files, gzip-compressed or not."""

import gzip
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from storage.errors import InputError
from storage.source import Sample

UINT8 = 0x08
IMAGES_NAME = re.compile(r"(?P<prefix>.*?)-?images[-.]idx3-ubyte(?P<gz>\.gz)?")
GZIP_MAGIC = b"\x1f\x8b"


def find_idx_pairs(path: Path) -> dict[str, Path]:
    """Image files by split: all in a folder, or `path` itself. Empty if there are none."""
    candidates = sorted(path.iterdir()) if path.is_dir() else [path]
    pairs: dict[str, Path] = {}
    for candidate in candidates:
        match = IMAGES_NAME.fullmatch(candidate.name)
        if match:
            prefix = match["prefix"] or "train"
            # MNIST calls its test split t10k.
            split = "test" if prefix in {"t10k", "test"} else prefix
            # The same file packed and unpacked side by side is one dataset.
            pairs.setdefault(split, candidate)
    return pairs


@dataclass(frozen=True)
class _Split:
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


class IdxSource:
    """Image and label files of one or more splits; keys are SPLIT/ROW.

    The files are held in memory: the largest of this kind have tens of megabytes.

    Parameters
    ----------
    images
        The image file of each split; the label file lies beside it under the matching name.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the counts of images and labels differ.
    """

    ignored = 0

    def __init__(self, images: dict[str, Path]) -> None:
        self._splits = {split: _read_split(path) for split, path in images.items()}
        shapes = {split.images.shape[1:] for split in self._splits.values()}
        if len(shapes) > 1:
            raise InputError(f"The IDX files {_names(images)} hold images of different sizes; name one of the files.")
        self._height, self._width = shapes.pop()
        most = max(int(split.labels.max()) for split in self._splits.values())
        self.classes = tuple(str(label) for label in range(most + 1))

    def samples(self) -> list[Sample]:
        """All rows, train first, in the order of the files."""
        return [
            Sample(f"{name}/{row:07d}", int(label), name)
            for name in sorted(self._splits, key=lambda name: (name != "train", name))
            for row, label in enumerate(self._splits[name].labels)
        ]

    def read(self, key: str) -> bytes:
        """The pixels of one image, row by row."""
        split, row = key.split("/")
        pixels: npt.NDArray[np.uint8] = self._splits[split].images[int(row)]
        return pixels.tobytes()

    def image(self, payload: bytes) -> Image.Image:
        """An 8-bit gray image."""
        return Image.frombytes("L", (self._width, self._height), payload)


def _names(images: dict[str, Path]) -> str:
    return ", ".join(path.name for path in images.values())


def _read_split(images: Path) -> _Split:
    labels = _labels_beside(images)
    split = _Split(_read_idx(images, dimensions=3), _read_idx(labels, dimensions=1))
    if len(split.images) != len(split.labels):
        raise InputError(
            f"{images} holds {len(split.images)} images but {labels.name} {len(split.labels)} labels; "
            "one of the two files is not the right one."
        )
    if split.images[:1].size == 0:
        raise InputError(f"{images} holds no images; give a file that has some.")
    return split


def _labels_beside(images: Path) -> Path:
    name = images.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    for candidate in (images.with_name(name), images.with_name(name + ".gz")):
        if candidate.is_file():
            return candidate
    raise InputError(f"{images} has no labels: {name} or {name}.gz must lie beside it.")


def _read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """An IDX file of unsigned bytes as an array.

    The format: two zero bytes, the type, the number of dimensions, each dimension as a big-endian uint32, the data
    (http://yann.lecun.com/exdb/mnist/).
    """
    try:
        content = path.read_bytes()
        if content.startswith(GZIP_MAGIC):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}; download it again.") from None
    header = 4 + 4 * dimensions
    if len(content) < header or content[:4] != bytes((0, 0, UINT8, dimensions)):
        raise InputError(f"{path} is not an IDX file of unsigned bytes with {dimensions} dimensions.")
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    expected = header + int(np.prod(shape, dtype=object))
    if len(content) != expected:
        raise InputError(f"{path} has {len(content)} bytes where its header announces {expected}; download it again.")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
