"""The 1,797 handwritten digits of 8 x 8 pixels that come with eigenwave: a dataset that is always available."""

from collections.abc import Iterator
from functools import cached_property
from hashlib import blake2b
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.datasets.source import Reporting, to_samples, train_first
from storage.pixels.layout import PixelLayout

# The test part of "Optical Recognition of Handwritten Digits" by Alpaydin and Kaynak (1998), from the UCI Machine
# Learning Repository, which has it under CC BY 4.0. Pixels and their order are unchanged.
FILE = "digits.npz"
SIDE = 8
LEVELS = 16  # pixels have values from 0 to 16
HELD_OUT_OF_256 = 51  # one image in five is in the test split


class DigitsSource(Reporting):
    """The bundled digits. A hash of the row number selects about a fifth of them for the split `test`."""

    classes = tuple("0123456789")
    layout = PixelLayout(SIDE, SIDE, 1, white=LEVELS)

    @cached_property
    def _arrays(self) -> dict[str, npt.NDArray[np.uint8]]:
        """`pixels` (n, 8, 8) from 0 to 16, and `labels` (n,)."""
        with (files("storage.formats") / FILE).open("rb") as file, np.load(file) as arrays:
            return dict(arrays)

    def samples(self) -> pa.Table:
        """All digits, train first."""
        labels = self._arrays["labels"]
        rows = range(len(labels))
        columns = {"key": [f"{row:04d}" for row in rows], "class_id": labels, "split": [_split(row) for row in rows]}
        return train_first(to_samples([columns]), sort=True)

    def read(self, samples: pa.Table) -> Iterator[bytes]:
        """The 64 pixels of each digit, as bytes from 0 to 16."""
        return (self._arrays["pixels"][int(key)].tobytes() for key in samples["key"].to_pylist())


def _split(row: int) -> str:
    digest = blake2b(row.to_bytes(4, "little"), digest_size=1).digest()
    return "test" if digest[0] < HELD_OUT_OF_256 else "train"
