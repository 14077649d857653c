"""The wavelet space that the settings select."""

from storage.setting_groups import Coefficients
from tasks.wavelet.modulus import ModulusTransform
from tasks.wavelet.space import CoefficientSpace
from tasks.wavelet.transform import WaveletTransform


def coefficient_space(chosen: Coefficients, height: int, width: int, channels: int) -> CoefficientSpace:
    """Return the space that the settings select, for images of one shape."""
    transform = (
        WaveletTransform(chosen.wavelet, chosen.mode, chosen.level, height, width)
        if chosen.transform == "dwt"
        else ModulusTransform(chosen.wavelet, chosen.level, height, width)
    )
    return CoefficientSpace(transform, channels, chosen.colour, chosen.bands, chosen.weights, chosen.threshold)
