"""No transform: rows of features, which are no images, are taken as they are."""

from dataclasses import dataclass

from tasks.dtypes import Float32
from tasks.wavelet.bands import FEATURES, Planes, Shape


@dataclass(frozen=True)
class IdentityTransform:
    """The transform of rows of features: a row is a plane of height 1, and its one band.

    Parameters
    ----------
    width
        Number of features.
    """

    width: int

    height = 1
    orthonormal = False  # features have no range, so no signal-to-noise ratio either

    @property
    def shapes(self) -> list[Shape]:
        """The one band."""
        return [Shape(FEATURES, 0, 1, self.width)]

    def require_possible(self) -> None:
        """Nothing is refused."""

    def analyse(self, planes: Float32, bands: Planes) -> None:
        """Copy planes (n, 1, 1, features) into the band."""
        bands[FEATURES, 0][...] = planes
