"""The least number of fitted images of a class that a statistic needs.

With fewer, the statistic is null or leaves the class out, because its value would mean nothing. The numbers follow from
simulations (docs/algorithms.md).
"""

from math import ceil, sqrt
from typing import NamedTuple


class Least(NamedTuple):
    """Least numbers of images of a class.

    Attributes
    ----------
    interval
        Of the smallest class, for an interval: with fewer, intervals cover less often than they should.
    information
        On average, for mutual information: with fewer, its correction for bias leaves more than 0.014 nats.
    means
        Of each class whose mean is tested; smaller classes are left out of the test.
    """

    interval: int = 10
    information: int = 50
    means: int = 5


LEAST = Least()


def least_for_welch(classes: int) -> int:
    """Least number of images of each class for Welch's F: with fewer, it rejects in more than 6 % of normal draws."""
    return max(LEAST.means, ceil(sqrt(7 * classes)))
