"""Calibrate log-posteriors: probabilities that are right as often as they say, by the least log loss.

A temperature t turns log-posteriors g into log-probabilities t g - log(sum of exp(t g)) (Guo et al., 2017). Log loss is
convex in t, so bisection by the sign of its slope finds the best one. Two judges are combined by adding their
log-probabilities with weights that sum to one, the logarithmic opinion pool (Genest and Zidek, 1986).
"""

import numpy as np

from tasks.dtypes import Float64, Int64

EXPONENTS = (-12.0, 12.0)  # of two, between which temperatures are searched
HALVINGS = 18  # of that interval: a temperature is exact to 0.01 %
SHARES = np.arange(1, 9) / 8  # not 0: the second judge says which classes are impossible


def normalized(logs: Float64) -> Float64:
    """Return log-probabilities (n, C) from the logarithms of weights (n, C); NaN if an image has no weight at all."""
    with np.errstate(invalid="ignore"):
        shifted = logs - logs.max(axis=1, keepdims=True)
        result: Float64 = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def log_loss(logs: Float64, labels: Int64) -> float:
    """Mean of -log p(label) over images with logarithms of weights (n, C); NaN without images.

    Images are left out if their label has no weight, such as the label of a class that nothing was learned about.
    """
    own = normalized(logs)[np.arange(len(labels)), labels]
    known = own > -np.inf
    return float(-own[known].mean()) if known.any() else float("nan")


def temperature(logs: Float64, labels: Int64) -> float:
    """Find the temperature of least log loss over images with logarithms of weights (n, C), as in `log_loss`.

    It is 1 without images.
    """
    own = logs[np.arange(len(labels)), labels]
    gaps = logs[own > -np.inf] - own[own > -np.inf, None]
    if not len(gaps):
        return 1.0
    finite, most = np.where(np.isfinite(gaps), gaps, 0), gaps.max(axis=1, keepdims=True)
    low, high = EXPONENTS
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        # The slope of log loss is the expected gap between a class drawn from the probabilities and the label.
        weights = np.exp(2**middle * (gaps - most))
        slope = float(((weights * finite).sum(axis=1) / weights.sum(axis=1)).sum())
        low, high = (low, middle) if slope > 0 else (middle, high)
    return float(2 ** ((low + high) / 2))


def combined(share: float, first: Float64, second: Float64) -> Float64:
    """Add log-probabilities (n, C) of two judges; the second has this share of the weight."""
    if share in {0, 1}:  # a judge of no weight must not add 0 times minus infinity
        return second if share else first
    return (1 - share) * first + share * second


def best_share(first: Float64, second: Float64, labels: Int64) -> float:
    """Find the share of the second judge, in eighths, that has the least log loss at its best temperature."""
    losses = []
    for share in SHARES:
        logs = combined(share, first, second)
        losses.append(log_loss(temperature(logs, labels) * logs, labels))
    return float(SHARES[int(np.nanargmin(losses))]) if np.isfinite(losses).any() else float(SHARES[-1])
