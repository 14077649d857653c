"""The results on patterns and classes after the last pass, which the tables are made of."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from storage.runs.layout import read_layout
from tasks.dtypes import Float64
from tasks.run.job import Job
from tasks.run.results import Projected, Summary, Verdicts
from tasks.run.state import Totals, load_state, read_totals
from tasks.statistics.association import (
    ClassSums,
    Control,
    PairStatistics,
    Variance,
    control,
    expected_null,
    pairs,
    q_values,
    significant,
    variance,
)
from tasks.statistics.clusters import ClusterTest, cluster_test
from tasks.statistics.intervals import Intervals, intervals
from tasks.statistics.means import MeansTest, brown_forsythe
from tasks.statistics.ranks import mutual_information


@dataclass(frozen=True)
class Findings:
    """The results on patterns and classes after the last pass.

    Attributes
    ----------
    names
        Names of the classes.
    totals, projected, summary, verdicts
        Results of the passes.
    true, means, by_pair
        First-order association under the true labels; `means` is the Brown-Forsythe test.
    shuffled
        First-order association under shuffled labels.
    intervals
        Intervals of adjusted learnability and of omega squared.
    by_group
        Test of each pattern if images are grouped, else None.
    information
        Mutual information (1 + R, k) in nats under the true labels, then under shuffled ones. It has no rows if levels
        were not counted.
    """

    names: list[str]
    totals: Totals
    projected: Projected
    summary: Summary
    verdicts: Verdicts
    true: Variance
    means: MeansTest
    by_pair: PairStatistics
    shuffled: Control
    intervals: Intervals
    by_group: ClusterTest | None
    information: Float64

    @property
    def sums(self) -> ClassSums:
        """Sums over the images that patterns are fitted on."""
        return self.summary.sums

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
        """Expected learnability without association; images in groups depend on one another, so shuffles tell it."""
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


def find(job: Job) -> Findings:
    """Compute the results from the sums that the passes saved."""
    summary, verdicts = load_state(job.paths.work.summary, Summary), load_state(job.paths.work.verdicts, Verdicts)
    sums = summary.sums
    true = variance(sums.counts, sums.sums, sums.cross)
    found = Findings(
        names=list(read_layout(job.paths).classes),
        totals=read_totals(job),
        projected=load_state(job.paths.work.projection, Projected),
        summary=summary,
        verdicts=verdicts,
        true=true,
        means=brown_forsythe(sums.counts, sums.sums, sums.squares),
        by_pair=pairs(sums, true.within),
        shuffled=control(sums),
        intervals=intervals(summary.groups),
        by_group=None,
        information=mutual_information(verdicts.levels.counts),
    )
    return found if job.settings.reading.group is None else _grouped(found)


def _grouped(found: Findings) -> Findings:
    """Replace what takes images as independent by what holds for groups, or by NaN."""
    test, pairs_of = cluster_test(found.summary.groups), found.by_pair
    unknown, no_pairs = np.full(found.rank, np.nan), np.full_like(pairs_of.p_value, np.nan)
    return dataclasses.replace(
        found,
        true=dataclasses.replace(found.true, omega_squared=unknown, p_value=unknown),
        means=MeansTest(test.statistic, test.p_value),
        by_pair=dataclasses.replace(pairs_of, p_value=no_pairs, q_value=no_pairs),
        intervals=Intervals(np.full(2, np.nan), np.full((2, found.rank), np.nan)),
        by_group=test,
    )
