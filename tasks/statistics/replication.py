"""Whether a class's own pattern comes back in other images: its variance there, against chance."""

import numpy as np

from tasks.dtypes import Float64, Int64


def variance_ratio(angle: Float64) -> Float64:
    """Ratio of a class's variance to the mean variance of the other classes, from its angular distance in radians."""
    with np.errstate(divide="ignore"):
        share = np.sin(angle + np.pi / 4) ** 2
        result: Float64 = share / (1 - share)
    return result


def replication(angle: Float64, counts: Int64, shuffled_angle: Float64, shuffled_counts: Int64) -> Float64:
    """p-value (C, m) that a class has more variance along its patterns than the others have, in held-out images.

    The patterns were found in other images, so they are fixed directions here. Of normal scores whose variances are
    equal, the ratio of the class's second moment to the mean of the others follows F(n_c, f), with f by the rule of
    Satterthwaite (1946). Second moments of other scores vary more; how much more is measured on the patterns of
    shuffled labels, whose ratios are all chance, and divides both degrees of freedom.

    Parameters
    ----------
    angle, counts
        Angular distances of the classes in the held-out images (C, m), and the number of these images (C,).
    shuffled_angle, shuffled_counts
        The same under shuffled labels.
    """
    from scipy.special import fdtrc  # noqa: PLC0415 - slow to import, and workers do not need it

    excess = np.log(np.maximum(variance_ratio(shuffled_angle), np.finfo(np.float64).tiny))
    own, others = _degrees(shuffled_counts)
    squares = excess**2 / (2 / own + 2 / others)
    known = np.isfinite(squares)
    spread = max(1.0, float(squares[known].mean())) if known.any() else 1.0
    own, others = _degrees(counts)
    with np.errstate(invalid="ignore"):
        result: Float64 = fdtrc(own / spread, others / spread, variance_ratio(angle))
    return result


def _degrees(counts: Int64) -> tuple[Float64, Float64]:
    """Degrees of freedom of each class's second moment, and of the mean of the others' (C, 1); NaN without images."""
    sizes = np.where(counts > 0, counts, np.nan)[:, None].astype(np.float64)
    present = int((counts > 0).sum())
    inverse = 1 / sizes
    with np.errstate(divide="ignore", invalid="ignore"):
        others = (present - 1) ** 2 / (np.nansum(inverse) - inverse)
    return sizes, others
