"""The tables of several labels an image: a row for each label, and their macro and micro averages."""

from typing import Any, NamedTuple, Self

import numpy as np

from tasks.columns.category_tables import top_patterns
from tasks.columns.target_tables import PatternTests, mean_of
from tasks.columns.targets import Targets
from tasks.dtypes import Float64, Mask
from tasks.statistics.association import permutation_p_value
from tasks.statistics.label_ranking import LabelRanks, Ranking
from tasks.statistics.regression import RidgeFit, Shares
from tasks.statistics.target_sums import TargetSums

MEASURES = ("area", "average_precision", "precision", "accuracy")


class Ranked(NamedTuple):
    """How unseen images are ranked by their fits.

    Attributes
    ----------
    labels
        By target (T,).
    pooled
        All pairs of an image and a known label together, by labelling (1 + R,).
    """

    labels: LabelRanks
    pooled: LabelRanks

    @classmethod
    def of(cls, targets: Targets, fit: RidgeFit | None, known: Mask) -> Self:
        """Rank the judged images; none if nothing was learned."""
        labellings, number = 1 + targets.permutations, int(known.sum())
        labels, pooled = Ranking.none(targets.width), Ranking.none(labellings)
        if fit is not None and number:
            of_labels = targets.by_labelling(fit.means)[:, known], targets.by_labelling(fit.spread)[:, known]
            centre, scale = _together(*of_labels)
            for rows, scores in targets.blocks(targets.sides.judged, judging=True):
                fits, given = fit.predict(scores), targets.of_rows(rows) > 0
                labels += Ranking.of(fits, given, fit.spread)
                every = targets.by_labelling(fits + fit.means)[..., known].reshape(labellings, -1).T - centre
                pooled += Ranking.of(every, targets.by_labelling(given)[..., known].reshape(labellings, -1).T, scale)
        return cls(LabelRanks.of(labels), LabelRanks.of(pooled))


def _together(means: Float64, spreads: Float64) -> tuple[Float64, Float64]:
    """Mean and standard deviation of the fits of all labels together (1 + R,), from those of each (1 + R, L)."""
    centre = means.mean(axis=1)
    return centre, np.sqrt((spreads**2 + (means - centre[:, None]) ** 2).mean(axis=1))


def label_rows(
    names: list[str], targets: Targets, sums: TargetSums, tests: PatternTests, ranked: Ranked
) -> dict[str, Any]:
    """Columns of the table `column_values`: a row for each label (L,)."""
    effects = _cohens_d(tests.correlation, sums.first(len(names)))
    tops = [top_patterns(row) for row in effects.T]
    r_squared = np.where(tests.known, targets.by_labelling(Shares.of(sums.whole()).r_squared), np.nan)
    judged = targets.by_labelling(ranked.labels.images)[0]
    columns = {
        "value": names,
        "images": np.rint(sums.first(len(names)).targets.sum(axis=0)).astype(np.int64),
        "judged": judged,
        "held_out": targets.by_labelling(ranked.labels.precision)[0],
        "patterns": [top.tolist() for top in tops],
        "cohens_d": [row[top].tolist() for row, top in zip(effects.T, tops, strict=True)],
        "r_squared": r_squared[0],
        "shuffled_r_squared": r_squared[1:].max(axis=0),
    }
    for name in MEASURES:
        true, *shuffled = targets.by_labelling(getattr(ranked.labels, name))
        columns |= {name: true, f"shuffled_{name}": np.fmax.reduce(shuffled)}
    return columns


def _cohens_d(correlation: Float64, sums: TargetSums) -> Float64:
    """Cohen's d of each pattern between images with and without each label (k, L), which follows from correlation."""
    n, own = int(sums.counts.sum()), sums.targets.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = correlation * np.sqrt((n - 2) / (1 - correlation**2)) * np.sqrt(n / (own * (n - own)))
    return np.where(np.isfinite(found), found, np.nan)


def averages(targets: Targets, ranked: Ranked, known: Mask) -> dict[str, Any]:
    """Columns of the table `column_averages`: a row for the macro average over the known labels, and one for micro."""
    columns: dict[str, Any] = {"average": ["macro", "micro"], "labels": [int(known.sum())] * 2}
    for name in MEASURES:
        macro = mean_of(targets.by_labelling(getattr(ranked.labels, name)), known)
        both = np.stack([macro, getattr(ranked.pooled, name)])
        columns |= {
            name: both[:, 0],
            f"shuffled_{name}": both[:, 1:].max(axis=1),
            f"{name}_p_value": [permutation_p_value(row[0], row[1:]) for row in both],
        }
    return columns
