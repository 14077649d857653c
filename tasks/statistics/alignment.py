"""Linear centered kernel alignment of two representations of the same images."""

import numpy as np

from tasks.dtypes import Float64


def centred_alignment(cross: Float64, first: Float64, second: Float64) -> float:
    """Compute ||X'Y||^2 / (||X'X|| ||Y'Y||) in Frobenius norms, of columns about their means.

    1 if one is a rotation of the other in one scale. With few images for many columns it is large by chance, so compare
    it with that of shuffled images. Kornblith, Norouzi, Lee and Hinton, 2019.

    Parameters
    ----------
    cross
        X'Y (p, q).
    first, second
        X'X (p, p) and Y'Y (q, q).

    Returns
    -------
    float
        The alignment; NaN if a representation does not vary.
    """
    norms = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    return float((cross**2).sum()) / norms if norms > 0 else float("nan")
