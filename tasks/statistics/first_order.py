"""First-order association of scores with labels: each measure beside its control, and what groups of images change."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.association import (
    ClassSums,
    Control,
    PairStatistics,
    Variance,
    control,
    expected_null,
    largest,
    pairs,
    q_values,
    significant,
    variance,
)
from tasks.statistics.clusters import ClusterTest, cluster_test
from tasks.statistics.groups import GroupSums
from tasks.statistics.intervals import Intervals, intervals
from tasks.statistics.means import MeansTest, brown_forsythe, spread_ratio, welch

P95 = 95


@dataclass(frozen=True)
class FirstOrder:
    """First-order association under the true labels, and under shuffled ones.

    Attributes
    ----------
    sums
        Sums over the images that count.
    true, means, by_pair
        Association under the true labels; `means` is the Brown-Forsythe test.
    shuffled
        Association under shuffled labels.
    intervals
        Intervals of adjusted learnability and of omega squared.
    by_group
        Test of each pattern if images are grouped, else None.
    """

    sums: ClassSums
    true: Variance
    means: MeansTest
    by_pair: PairStatistics
    shuffled: Control
    intervals: Intervals
    by_group: ClusterTest | None

    @property
    def q_value(self) -> Float64:
        """p-value of the means of each pattern (k,), adjusted by Benjamini and Hochberg."""
        return q_values(self.means.p_value)

    @property
    def rank(self) -> int:
        """Number of patterns."""
        return int(self.sums.sums.shape[1])

    @property
    def images(self) -> int:
        """Number of images that count."""
        return int(self.sums.counts.sum())

    @property
    def null(self) -> float:
        """Expected learnability without association; images in groups depend on one another, so shuffles give it."""
        if self.by_group is None:
            return expected_null(self.rank, self.images)
        return float(self.shuffled.learnability.mean())

    @property
    def effective_images(self) -> float:
        """Number of independent images that would tell class means as exactly; NaN if a class has one group only."""
        return self.images / max(float(np.mean(self.by_group.inflation)), 1) if self.by_group else self.images

    @property
    def significant(self) -> tuple[float, float | None, float | None]:
        """Number of patterns with q < 0.05; its mean and maximum over shuffles, None if images are grouped."""
        count, control = significant(self.q_value), self.shuffled.significant
        return (count, None, None) if self.by_group else (count, float(control.mean()), float(control.max()))

    def by_pattern(self) -> dict[str, Any]:
        """Return the measures of each pattern (k,) by name."""
        moments = self.sums.counts, self.sums.sums, self.sums.squares
        unknown = np.full(self.rank, np.nan)
        separate = MeansTest(unknown, unknown) if self.by_group else welch(*moments)
        return {
            "eta_squared": self.true.eta_squared,
            "eta_squared_low": self.intervals.eta_squared[0],
            "eta_squared_high": self.intervals.eta_squared[1],
            "omega_squared": self.true.omega_squared,
            "f_statistic": self.true.f_statistic,
            "p_value": self.true.p_value,
            "welch_statistic": separate.statistic,
            "welch_p_value": separate.p_value,
            "brown_forsythe_statistic": self.means.statistic,
            "brown_forsythe_p_value": self.means.p_value,
            "q_value": self.q_value,
            "spread_ratio": spread_ratio(*moments),
            "association_rank": places(self.true.eta_squared),
            "null_eta_squared_max": self.shuffled.eta_squared.max(axis=0),
            "null_eta_squared_p95": np.percentile(self.shuffled.eta_squared, P95, axis=0),
            "null_spread_ratio_max": largest(self.shuffled.spread_ratio),
        }

    def top_classes(self) -> Int64:
        """Return the class that stands out most on each pattern, by Cohen's d (k,); -1 where no class has one."""
        effects = np.abs(self.by_pair.cohens_d)
        known = ~np.isnan(effects)
        return np.where(known.any(axis=1), np.where(known, effects, -1).argmax(axis=1), -1)


def first_order(sums: ClassSums, groups: GroupSums, *, grouped: bool) -> FirstOrder:
    """Compute first-order association from sums over images, and over random groups of them.

    Parameters
    ----------
    sums, groups
        Sums over the same images.
    grouped
        Whether the dataset names groups of images. Measures that take images as independent are then replaced by those
        that hold for groups, or by NaN.
    """
    true = variance(sums.counts, sums.sums, sums.cross)
    found = FirstOrder(
        sums=sums,
        true=true,
        means=brown_forsythe(sums.counts, sums.sums, sums.squares),
        by_pair=pairs(sums, true.within),
        shuffled=control(sums),
        intervals=intervals(groups),
        by_group=None,
    )
    return _grouped(found, groups) if grouped else found


def _grouped(found: FirstOrder, groups: GroupSums) -> FirstOrder:
    test, pairs_of = cluster_test(groups), found.by_pair
    unknown, no_pairs = np.full(found.rank, np.nan), np.full_like(pairs_of.p_value, np.nan)
    return dataclasses.replace(
        found,
        true=dataclasses.replace(found.true, omega_squared=unknown, p_value=unknown),
        means=MeansTest(test.statistic, test.p_value),
        by_pair=dataclasses.replace(pairs_of, p_value=no_pairs, q_value=no_pairs),
        intervals=Intervals(np.full(2, np.nan), np.full((2, found.rank), np.nan)),
        by_group=test,
    )


def places(values: Float64) -> Int64:
    """Place of each value in descending order, from 0; those that are not known come last."""
    return np.argsort(np.argsort(-np.nan_to_num(values, nan=-1), kind="stable"), kind="stable")
