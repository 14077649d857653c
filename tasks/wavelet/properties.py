"""Properties of images that need no other image: brightness, contrast, sharpness and the like."""

from dataclasses import dataclass

import numpy as np

from tasks.dtypes import Float32, Float64

PROPERTIES = (
    "brightness",
    "contrast",
    "shadows",
    "highlights",
    "dark_fraction",
    "bright_fraction",
    "sharpness",
    "colourfulness",
    "colour_contrast",
    "flatness",
)
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow weighs red, green and blue
LEVELS = 32  # of luma
DARK, BRIGHT = 2, 30  # levels below are dark, and from there on bright
LOW = 0.01  # part of the pixels in the shadows, and in the highlights
RGB = 3


@dataclass(frozen=True)
class PropertySpace:
    """The conversion of images to rows of their properties, behind facts that are known of them.

    Parameters
    ----------
    facts
        Number of facts of an image.
    """

    facts: int

    @property
    def coefficients(self) -> int:
        """Number of columns of a row."""
        return self.facts + len(PROPERTIES)

    def forward(self, images: Float32, facts: Float32, out: Float32 | None = None) -> Float32:
        """Turn images (n, height, width, channels) in [0, 1] into rows (n, columns).

        Parameters
        ----------
        images
            The images, with 1 or 3 channels; NaN for a bad one, whose row is NaN.
        facts
            Facts of the images (n, facts), which rows begin with.
        out
            Array for the result, or None.
        """
        rows = np.empty((len(images), self.coefficients), np.float32) if out is None else out
        rows[:, : self.facts] = facts
        rows[:, self.facts :] = properties(images)
        rows[np.isnan(rows[:, self.facts])] = np.nan
        return rows


def properties(images: Float32) -> Float32:
    """Compute the `PROPERTIES` of images (n, height, width, channels) in [0, 1]; returns (n, 10).

    brightness
        Mean luma (ITU-R BT.601).
    contrast
        Standard deviation of the luma, from 0 to 0.5.
    shadows, highlights
        Luma that 1 % of the pixels are below, and that 1 % are above, to a 32nd.
    dark_fraction, bright_fraction
        Part of the pixels with a luma below 1/16, and from 15/16 on.
    sharpness
        Mean squared Laplacian over the mean squared gradient, both differences of adjacent pixels: 5 for noise that is
        independent in each pixel, about 2 for photographs, towards 0 the more an image is blurred. Neither contrast nor
        the number of edges changes it. NaN for an image of one luma, or of fewer than 3 pixels a side.
    colourfulness, colour_contrast
        Colorfulness (Hasler and Suesstrunk, Measuring colorfulness in natural images, 2003) for channels in [0, 1],
        and its first term, the standard deviation of the opponent colors; 0 if gray.
    flatness
        Part of the pixels in the most frequent of 32 levels of luma.
    """
    luma = _luma(images)
    pixels = luma.reshape(len(luma), -1)
    brightness = pixels.mean(axis=1)
    levels = _levels(np.nan_to_num(pixels) if np.isnan(brightness).any() else pixels)
    cumulative = levels.cumsum(axis=1)
    columns = (
        brightness,
        np.sqrt(_energy(pixels - brightness[:, None])),
        _quantile(cumulative, LOW),
        _quantile(cumulative, 1 - LOW),
        levels[:, :DARK].sum(axis=1),
        levels[:, BRIGHT:].sum(axis=1),
        _sharpness(luma),
        *(_colourfulness(images) if images.shape[3] == RGB else np.zeros((2, len(images)))),
        levels.max(axis=1),
    )
    return np.stack([column.astype(np.float32) for column in columns], axis=1)


def _luma(images: Float32) -> Float32:
    """Luma (n, height, width) of images, contiguous."""
    if images.shape[3] == 1:
        return np.ascontiguousarray(images[..., 0])
    luma = images[..., 0] * np.float32(LUMA[0])
    for channel in (1, 2):
        luma += images[..., channel] * np.float32(LUMA[channel])
    return np.ascontiguousarray(luma)


def _levels(pixels: Float32) -> Float64:
    """Part of the pixels (n, pixels) in each of the levels of luma (n, 32)."""
    n, count = pixels.shape
    level = (pixels * np.float32(LEVELS)).astype(np.intp)
    np.clip(level, 0, LEVELS - 1, out=level)
    level += np.arange(0, n * LEVELS, LEVELS)[:, None]
    counts = np.bincount(level.reshape(-1), minlength=n * LEVELS)
    parts: Float64 = counts.reshape(n, LEVELS) / count
    return parts


def _quantile(cumulative: Float64, part: float) -> Float64:
    """Luma (n,) that a part of the pixels is below, from the part up to each level (n, 32), linear within a level."""
    level = np.minimum((cumulative < part).sum(axis=1), LEVELS - 1)
    images = np.arange(len(level))
    below = np.where(level > 0, cumulative[images, level - 1], 0.0)
    quantile: Float64 = (level + (part - below) / (cumulative[images, level] - below)) / LEVELS
    return quantile


def _sharpness(luma: Float32) -> Float32:
    n, height, width = luma.shape
    if min(height, width) < 3:  # noqa: PLR2004 - the pixels that a second difference takes
        return np.full(n, np.nan, np.float32)
    down, across = luma[:, 1:] - luma[:, :-1], luma[:, :, 1:] - luma[:, :, :-1]
    laplacian = down[:, 1:, 1:-1] - down[:, :-1, 1:-1]
    laplacian += across[:, 1:-1, 1:]
    laplacian -= across[:, 1:-1, :-1]
    gradient = _energy(down) + _energy(across)
    # Differences below the rounding of luma are none.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gradient > np.finfo(np.float32).eps ** 2, _energy(laplacian) / gradient, np.float32(np.nan))


def _energy(values: Float32) -> Float32:
    """Mean square of each image's values (n, ...), contiguous."""
    rows = values.reshape(len(values), -1)
    energy: Float32 = np.einsum("ij,ij->i", rows, rows) / np.float32(rows.shape[1])
    return energy


def _colourfulness(images: Float32) -> tuple[Float32, Float32]:
    """Colorfulness (n,), and the deviation of opponent colors (n,)."""
    red, green, blue = (images[..., channel].reshape(len(images), -1) for channel in range(RGB))
    opponents = red - green, (red + green) * np.float32(0.5) - blue
    means = [values.mean(axis=1) for values in opponents]
    spread = [_energy(values - mean[:, None]) for values, mean in zip(opponents, means, strict=True)]
    contrast = np.sqrt(spread[0] + spread[1])
    return contrast + np.float32(0.3) * np.hypot(*means), contrast
