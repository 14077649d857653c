"""Second-order association for the report: learned from some images, and checked on others."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.dtypes import Float64
from tasks.statistics.hogsvd import (
    Against,
    Generalized,
    Whitening,
    against_the_rest,
    agreement,
    angular_distance,
    generalized,
    heterogeneity,
    known,
    second_moments,
    shares,
)
from tasks.statistics.scatter import HELD_OUT, PARTS, ClassScatter

MOST_OF_A_CLASS = 4  # patterns kept of each class


@dataclass(frozen=True)
class ClassComparison:
    """A comparison of the classes' variances under one labelling.

    Attributes
    ----------
    whitening, generalized, against
        Results learned from both halves of the images.
    shares, held_out_shares
        Share of each class along each generalized pattern (r, C), in the halves and in the held-out images.
    held_out_angle
        Angular distance along each class's patterns in the held-out images (C, m), in radians.
    heterogeneity
        Heterogeneity of both halves together.
    agreement
        Correlation of the shares with those in the held-out images.
    half_agreement
        Correlation of the shares between the halves, along the patterns of the first half.
    """

    whitening: Whitening
    generalized: Generalized
    against: Against
    shares: Float64
    held_out_shares: Float64
    held_out_angle: Float64
    heterogeneity: float
    agreement: float
    half_agreement: float

    @property
    def compared(self) -> int:
        """Number of directions in which classes are compared."""
        return len(self.generalized.tau)

    @property
    def largest_share(self) -> float:
        """Largest share of a class in the variance along a generalized pattern."""
        return float(np.nanmax(self.shares, initial=-np.inf)) if self.compared else float("nan")

    @classmethod
    def of(cls, scatter: ClassScatter, labelling: int) -> Self:
        """Compare the classes under a labelling."""
        learned = scatter.take(labelling, list(range(HELD_OUT)))
        mean = learned.sums.sum(axis=0) / max(int(learned.counts.sum()), 1)
        first, second, held_out = (second_moments(scatter.take(labelling, [part]), mean) for part in range(PARTS))
        moments = second_moments(learned, mean)
        whitening = Whitening.of(moments)
        whitened, judged = whitening.apply(moments), whitening.apply(held_out)
        found, against = generalized(whitened), against_the_rest(whitened, MOST_OF_A_CLASS)
        learned_shares, held_out_shares = shares(whitened, found.directions), shares(judged, found.directions)
        return cls(
            whitening=whitening,
            generalized=found,
            against=against,
            shares=learned_shares,
            held_out_shares=held_out_shares,
            held_out_angle=_angles(judged, against.directions),
            heterogeneity=heterogeneity(whitened),
            agreement=agreement(learned_shares, held_out_shares),
            half_agreement=_half_agreement(first, second),
        )


def _angles(whitened: Float64, directions: Float64) -> Float64:
    """Angular distance (C, m) of each class along its own directions (C, r, m), NaN where either has no images."""
    total = np.nansum(whitened, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.einsum("cim,cij,cjm->cm", directions, whitened, directions, optimize=True)
        share = own / np.einsum("cim,ij,cjm->cm", directions, total, directions, optimize=True)
    return angular_distance(np.clip(share, 0, 1), int(known(whitened).sum()))


def _half_agreement(first: Float64, second: Float64) -> float:
    whitening = Whitening.of(first)
    whitened = whitening.apply(first)
    directions = generalized(whitened).directions
    return agreement(shares(whitened, directions), shares(whitening.apply(second), directions))
