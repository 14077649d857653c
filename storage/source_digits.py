"""The 1,797 handwritten digits of 8 x 8 pixels that scikit-learn brings along: a dataset that is always there."""

import importlib.metadata
from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from PIL import Image

from storage.source import Sample, in_split_order

# Alpaydin and Kaynak (1998), UCI Machine Learning Repository; scikit-learn ships its test part.
FILE = "sklearn/datasets/data/digits.csv.gz"
SIDE = 8
LEVELS = 16  # pixels count from 0 to 16
HELD_OUT_OF_256 = 51  # one image in five is the test split


class DigitsSource:
    """The bundled digits, every fifth or so held out as split `test`, chosen by a hash of the row number."""

    classes = tuple("0123456789")
    ignored = 0

    @cached_property
    def _table(self) -> npt.NDArray[np.uint8]:
        # As a file: importing scikit-learn takes longer than analysing the digits.
        path = importlib.metadata.distribution("scikit-learn").locate_file(FILE)
        return np.loadtxt(str(path), delimiter=",", dtype=np.uint8)

    def samples(self) -> list[Sample]:
        """All digits, train first."""
        return in_split_order(
            [Sample(f"{row:04d}", int(label), _split(row)) for row, label in enumerate(self._table[:, -1])]
        )

    def read(self, key: str) -> bytes:
        """The 64 pixels of one digit, as bytes from 0 to 16."""
        return self._table[int(key), :-1].tobytes()

    def image(self, payload: bytes) -> Image.Image:
        """A 16-bit gray image: scaling 16 to full white needs more than 8 bits to stay exact."""
        scaled = np.frombuffer(payload, np.uint8).astype(np.uint16) * ((2**16 - 1) // LEVELS)
        return Image.frombytes("I;16", (SIDE, SIDE), scaled.astype("<u2").tobytes())


def _split(row: int) -> str:
    digest = blake2b(row.to_bytes(4, "little"), digest_size=1).digest()
    return "test" if digest[0] < HELD_OUT_OF_256 else "train"
