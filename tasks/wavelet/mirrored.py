"""A space of images that are mirrored first, left to right."""

from dataclasses import dataclass

from tasks.dtypes import Float32
from tasks.wavelet.reduced import ReducedSpace
from tasks.wavelet.space import CoefficientSpace


@dataclass(frozen=True)
class MirroredSpace:
    """The conversion of images to the coefficients that their mirror images have in a space.

    Parameters
    ----------
    space
        The space.
    """

    space: CoefficientSpace | ReducedSpace

    def forward(self, images: Float32, out: Float32 | None = None) -> Float32:
        """Turn images (n, height, width, channels) in [0, 1] into coefficients (n, coefficients).

        Parameters
        ----------
        images
            The images.
        out
            Array for the result, with contiguous rows, or None.
        """
        return self.space.forward(images[:, :, ::-1], out)
