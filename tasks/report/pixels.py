"""Turn arrays into uint8 pixels: images, patterns, which have a sign, and maps of energy."""

import numpy as np
import numpy.typing as npt

from tasks.dtypes import Float32, UInt8

GRAY = 0.5  # value of a pattern's zero: lighter pixels add light to an image, darker ones remove it
CLIPPED = 99.5  # percentile of a pattern's magnitudes that is shown at full strength

# Blue over white to orange, and black over violet and orange to white. The lightness changes steadily from the middle
# or from one end, so both maps work for color-blind readers and in print.
DIVERGING = ((5, 48, 97), (67, 147, 195), (247, 247, 247), (224, 130, 20), (127, 59, 8))
SEQUENTIAL = ((8, 8, 24), (75, 35, 115), (176, 62, 88), (240, 140, 50), (252, 246, 200))


def reduced(images: Float32, side: int) -> Float32:
    """Reduce images (..., height, width, channels) to at most `side` pixels a side, by averages over areas.

    This is linear: the reduced image of a sum is the sum of the reduced images. Smaller images do not change.
    """
    height, width = images.shape[-3:-1]
    scale = min(1.0, side / max(height, width))
    down, across = (_areas(old, max(1, round(old * scale))) for old in (height, width))
    result: Float32 = np.einsum("ih,...hwc,jw->...ijc", down, images, across, optimize=True)
    return result


def _areas(old: int, new: int) -> Float32:
    """Weights (new, old) that average `old` pixels over `new` equal parts."""
    edges = np.linspace(0, old, new + 1)
    starts = np.arange(old)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    weights: Float32 = (np.maximum(overlap, 0) * new / old).astype(np.float32)
    return weights


def natural(image: Float32) -> UInt8:
    """Turn an image (height, width, channels), clipped to [0, 1], into gray (height, width, 1) or RGB pixels."""
    result: UInt8 = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return result


def signed(pattern: Float32) -> UInt8:
    """Turn a pattern (height, width, channels) into RGB: about mid-gray if in color, by the diverging map if gray."""
    scaled = pattern / (_strength(pattern) or 1.0)
    if pattern.shape[2] == 1:
        return diverging(scaled[:, :, 0])
    return natural(GRAY + GRAY * scaled)


def diverging(values: npt.NDArray[np.floating]) -> UInt8:
    """Turn values, clipped to [-1, 1], into colors (..., 3): blue below 0, white at 0, orange above; NaN is gray."""
    return _coloured((values + 1) / 2, DIVERGING)


def energy(pattern: Float32) -> UInt8:
    """Map the magnitude of a pattern (height, width, channels) to RGB from dark to light."""
    strength = np.sqrt((pattern.astype(np.float64) ** 2).mean(axis=2))
    return _coloured(strength / (_strength(strength) or 1.0), SEQUENTIAL)


def palette(anchors: tuple[tuple[int, int, int], ...], count: int = 256) -> list[str]:
    """Return evenly spaced colors of a color map in CSS notation."""
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in _coloured(np.linspace(0, 1, count), anchors)]


def _strength(values: npt.NDArray[np.floating]) -> float:
    magnitudes = np.abs(values)
    return float(np.percentile(magnitudes, CLIPPED)) or float(magnitudes.max())


def _coloured(values: npt.NDArray[np.floating], anchors: tuple[tuple[int, int, int], ...]) -> UInt8:
    """Turn values in [0, 1] into colors (..., 3), linearly between the anchors."""
    places = np.linspace(0, 1, len(anchors))
    unknown = np.isnan(values)
    channels = [np.interp(np.where(unknown, 0, values), places, channel) for channel in np.array(anchors).T]
    colours: UInt8 = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    colours[unknown] = 128
    return colours
