"""How well classes are predicted: accuracy against chance, and accuracy that weighs every class alike."""

import numpy as np

from tasks.dtypes import Float64, Int64


def binomial_p_value(right: float, judged: float, chance: float) -> float:
    """Probability of at least so many right predictions by chance: the exact one-sided binomial test.

    Parameters
    ----------
    right, judged
        Number of right predictions, and of all. Neither needs to be whole: the regularised incomplete beta function
        that the tail equals (Abramowitz and Stegun, 26.5.24) continues it.
    chance
        Probability of a right prediction by chance.

    Returns
    -------
    float
        The p-value, NaN if nothing was judged or if it is not known what was right.
    """
    from scipy.special import betainc  # noqa: PLC0415 - slow to import, and workers do not need it

    if not judged or np.isnan(right) or np.isnan(chance):
        return float("nan")
    return float(betainc(right, judged - right + 1, chance)) if right > 0 else 1.0


def balanced(right: Int64, counts: Int64) -> Float64:
    """Mean over the classes of the part of their images that are predicted rightly (...,); NaN without images.

    Parameters
    ----------
    right
        Number of right predictions of each class (..., C).
    counts
        Number of images of each class (..., C); classes without images do not count.
    """
    present = counts > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(present, right / counts, 0).sum(axis=-1)
        result: Float64 = parts / present.sum(axis=-1)
    return result
