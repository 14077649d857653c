"""The wavelet space that the settings select."""

from storage.settings import Settings
from tasks.wavelet.modulus import ModulusTransform
from tasks.wavelet.scattering import ScatteringTransform
from tasks.wavelet.space import CoefficientSpace, Transform
from tasks.wavelet.transform import WaveletTransform


def coefficient_space(settings: Settings, height: int, width: int, channels: int) -> CoefficientSpace:
    """Return the space that the settings select, for images of one shape."""
    chosen = settings.coefficients
    transform = _transform(settings, height, width)
    return CoefficientSpace(transform, channels, chosen.colour, chosen.bands, chosen.weights, chosen.threshold)


def _transform(settings: Settings, height: int, width: int) -> Transform:
    chosen, waves = settings.coefficients, settings.scattering
    match chosen.transform:
        case "dwt":
            return WaveletTransform(chosen.wavelet, chosen.mode, chosen.level, height, width)
        case "modulus":
            return ModulusTransform(chosen.wavelet, chosen.level, height, width)
        case "scattering":
            return ScatteringTransform(waves.octaves, waves.angles, waves.cells, waves.logarithm, height, width)
