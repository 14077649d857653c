"""Small pictures of a run's images: rebuilt from their coefficients, or the thumbnails that the run kept."""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np

from storage.arrays.zarr import read_row
from storage.runs.run import Run
from storage.tables.parquet import read_table
from tasks.report.picture_files import encoded_quickly
from tasks.report.pixels import natural, reduced
from tasks.report.reconstruct import space_of
from tasks.wavelet.space import CoefficientSpace

SIDE = 160  # largest side, in pixels


class Picture(NamedTuple):
    """A picture file: its media type and its bytes."""

    media: str
    content: bytes


class Pictures:
    """The pictures of a run's images.

    An image is rebuilt from its own coefficients, so the dataset may be gone. Where the transform has no inverse, there
    are only the thumbnails in the run's table.

    Parameters
    ----------
    run
        The run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._invertible = bool(run.coefficients.attrs["invertible"])

    def of(self, row: int) -> Picture | None:
        """Return the picture of an image; None if there is none."""
        if not self._invertible:
            return Picture("image/webp", self._thumbnails[row]) if row in self._thumbnails else None
        coefficients = read_row(self._run.paths.coefficients, row)
        if np.isnan(coefficients).any():
            return None  # the image could not be read
        image = self._space.inverse(coefficients[None])[0]
        return Picture("image/png", encoded_quickly(natural(reduced(image, SIDE))))

    @cached_property
    def _space(self) -> CoefficientSpace:
        return space_of(self._run)

    @cached_property
    def _thumbnails(self) -> Mapping[int, bytes]:
        if "thumbnails" not in self._run.tables:
            return {}
        table = read_table(self._run.paths.table("thumbnails"), ["row", "image"])
        return dict(zip(table["row"].to_pylist(), table["image"].to_pylist(), strict=True))
