"""The 1,797 handwritten digits of 8 x 8 pixels that scikit-learn ships: a dataset that is always available."""

import importlib.metadata
from collections.abc import Iterator
from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.datasets.source import Reporting, to_samples, train_first
from storage.pixels.layout import PixelLayout

# Alpaydin and Kaynak (1998), UCI Machine Learning Repository; scikit-learn ships its test part.
FILE = "sklearn/datasets/data/digits.csv.gz"
SIDE = 8
LEVELS = 16  # pixels have values from 0 to 16
HELD_OUT_OF_256 = 51  # one image in five is in the test split


class DigitsSource(Reporting):
    """The bundled digits. A hash of the row number selects about a fifth of them for the split `test`."""

    classes = tuple("0123456789")
    layout = PixelLayout(SIDE, SIDE, 1, white=LEVELS)

    @cached_property
    def _table(self) -> npt.NDArray[np.uint8]:
        # Read the file directly, since importing scikit-learn takes longer than analysing the digits.
        path = importlib.metadata.distribution("scikit-learn").locate_file(FILE)
        return np.loadtxt(str(path), delimiter=",", dtype=np.uint8)

    def samples(self) -> pa.Table:
        """All digits, train first."""
        labels, rows = self._table[:, -1], range(len(self._table))
        columns = {"key": [f"{row:04d}" for row in rows], "class_id": labels, "split": [_split(row) for row in rows]}
        return train_first(to_samples([columns]), sort=True)

    def read(self, samples: pa.Table) -> Iterator[bytes]:
        """The 64 pixels of each digit, as bytes from 0 to 16."""
        return (self._table[int(key), :-1].tobytes() for key in samples["key"].to_pylist())


def _split(row: int) -> str:
    digest = blake2b(row.to_bytes(4, "little"), digest_size=1).digest()
    return "test" if digest[0] < HELD_OUT_OF_256 else "train"
