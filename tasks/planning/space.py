"""The wavelet space that the settings ask for."""

from storage.settings import Settings
from tasks.wavelet.modulus import ModulusTransform
from tasks.wavelet.space import CoefficientSpace
from tasks.wavelet.transform import WaveletTransform


def coefficient_space(settings: Settings, height: int, width: int, channels: int) -> CoefficientSpace:
    """The space that the settings name, for images of one shape."""
    transform = (
        WaveletTransform(settings.wavelet, settings.mode, settings.level, height, width)
        if settings.transform == "dwt"
        else ModulusTransform(settings.wavelet, settings.level, height, width)
    )
    return CoefficientSpace(transform, channels, settings.colour, settings.bands, settings.weights, settings.threshold)
