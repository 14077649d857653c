"""Fences around the usual values of a property, from its own distribution."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import Float64

# Times that the distance between the median and a quartile must be exceeded. Of values with a normal distribution, one
# in 38,000 is so far from the median on each side.
REACH = 6.0


@dataclass(frozen=True)
class Fences:
    """The quartiles of a property; a value is far out if its deviation is above `REACH`."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Float64) -> Self:
        """Compute the quartiles of the known values among (n,); NaN if none is known."""
        known = values[~np.isnan(values)]
        return cls(*(np.quantile(known, [0.25, 0.5, 0.75]).tolist() if len(known) else [np.nan] * 3))

    def deviation(self, values: Float64, side: int) -> Float64:
        """Distance of values (n,) beyond the median, in distances between the median and the quartile of that side.

        Each side has its own scale, so that a skewed distribution has no more values far out than another.

        Parameters
        ----------
        values
            Values; NaN where unknown.
        side
            -1 for values below the median, 1 for those above.

        Returns
        -------
        Float64
            Deviations (n,): 0 on the other side and where a value is unknown, infinite if half of the values on that
            side equal the median and this one does not.
        """
        step = self.high - self.median if side > 0 else self.median - self.low
        beyond = np.nan_to_num(side * (values - self.median)).clip(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(beyond > 0, beyond / step, 0.0)


def severity(deviation: Float64) -> Float64:
    """Severity (n,) of deviations: 0.5 at the fence, 0.75 at twice its distance, towards 1 far out, 0 below the fence.

    Suspicion of a label is on the same scale: at 0.5 it begins to be likelier that something is wrong.
    """
    with np.errstate(divide="ignore"):
        return np.where(deviation > REACH, 1 - REACH / (2 * deviation), 0.0)
