"""The spaces that the settings select: of the run's coefficients, and of those that labels are judged by."""

from storage.settings import Settings
from tasks.wavelet.identity import IdentityTransform
from tasks.wavelet.modulus import ModulusTransform
from tasks.wavelet.reduced import ReducedSpace, reduced_sides
from tasks.wavelet.scattering import ScatteringTransform
from tasks.wavelet.space import CoefficientSpace, Transform
from tasks.wavelet.transform import WaveletTransform


def coefficient_space(settings: Settings, height: int, width: int, channels: int) -> CoefficientSpace:
    """Return the space that the settings select, for images of one shape."""
    chosen = settings.coefficients
    transform = _transform(settings, height, width)
    return CoefficientSpace(transform, channels, chosen.colour, chosen.bands, chosen.weights, chosen.threshold)


def judging_settings(settings: Settings) -> Settings | None:
    """Return the settings of the coefficients that labels are judged by; None if the run's own patterns judge them."""
    chosen = settings.judging.judge_space
    if chosen == "none" or (chosen is None and settings.coefficients.transform != "dwt"):
        return None
    return Settings(transform=chosen or "modulus", dtype="float16")


def judging_space(settings: Settings, height: int, width: int, channels: int) -> ReducedSpace | None:
    """Return the space that labels are judged in; None if they are judged by the run's own patterns.

    By default they are, if images are too small for another transform.

    Raises
    ------
    ValueError
        If images are too small for the transform that was asked for.
    """
    judging = judging_settings(settings)
    if judging is None:
        return None
    space = coefficient_space(judging, *reduced_sides(height, width, settings.judging.judge_side), channels)
    try:
        space.transform.require_possible()
    except ValueError:
        if settings.judging.judge_space is None:
            return None
        raise ValueError(
            f"Images of {width} x {height} pixels are too small for --judge-space {settings.judging.judge_space}: set "
            "another, a larger --judge-side, or --size."
        ) from None
    return ReducedSpace(space, height, width)


def _transform(settings: Settings, height: int, width: int) -> Transform:
    chosen, waves = settings.coefficients, settings.scattering
    match chosen.transform:
        case "dwt":
            return WaveletTransform(chosen.wavelet, chosen.mode, chosen.level, height, width)
        case "modulus":
            return ModulusTransform(chosen.wavelet, chosen.level, height, width)
        case "none":
            return IdentityTransform(width)
        case "scattering":
            return ScatteringTransform(waves.octaves, waves.angles, waves.cells, waves.logarithm, height, width)
