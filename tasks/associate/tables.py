"""Make the tables of patterns, of pairs of pattern and class, and of the whole run from the merged sums."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from storage.arrays.zarr import open_array
from storage.runs.layout import read_layout
from tasks.associate.class_patterns import Compared, compare_classes
from tasks.associate.image_tables import tabulate_exemplars
from tasks.associate.scale_tables import P95, tabulate_bands, tabulate_scales
from tasks.dtypes import Float64, Int64
from tasks.run.job import Job
from tasks.run.results import Energy, Projected, Summary, Verdicts
from tasks.run.state import (
    Totals,
    load_state,
    read_totals,
)
from tasks.run.tables import ResultTables
from tasks.run.worker import single_threaded
from tasks.statistics.accuracy import balanced, binomial_p_value
from tasks.statistics.association import (
    ClassSums,
    Control,
    PairStatistics,
    Variance,
    adjusted,
    cap,
    control,
    expected_null,
    explained,
    largest,
    learnability,
    pairs,
    q_values,
    shuffled_learnability,
    significant,
    variance,
)
from tasks.statistics.clusters import ClusterTest, cluster_test
from tasks.statistics.concentration import concentration
from tasks.statistics.hogsvd import expected_heterogeneity
from tasks.statistics.intervals import Intervals, intervals
from tasks.statistics.means import MeansTest, brown_forsythe, spread_ratio, welch
from tasks.statistics.noise import spread_under_noise
from tasks.statistics.ranks import area_under_curve, kruskal_wallis, mutual_information
from tasks.statistics.relabelling import NOISE, expected_under_noise
from tasks.statistics.scatter import HELD_OUT
from tasks.statistics.shift import optimism, split_shift


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


@single_threaded
def associate_patterns(job: Job) -> None:
    """Write all tables of association."""
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
    if job.settings.reading.group is not None:
        found = _grouped(found)
    tables = ResultTables(job)
    compared = compare_classes(job, summary.scatter, tables)
    columns = {
        "patterns": _patterns(found, job),
        "pattern_class": _pattern_class(found),
        "learnability": _learnability(found, compared),
        "label_noise": _label_noise(found),
        "held_out": _held_out(found, other_split=job.plan.other_split),
    }
    for name, content in columns.items():
        tables.write(name, content)
    tabulate_scales(job, tables)
    tabulate_bands(job, tables)
    tabulate_exemplars(job, summary.exemplars, tables)


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


def _patterns(found: Findings, job: Job) -> dict[str, object]:
    squares, true = found.projected.squares, found.true
    ranks = found.verdicts.ranks
    ties = found.summary.distribution.ties()
    tests = [
        kruskal_wallis(counts, rank_sums, ties) for counts, rank_sums in zip(ranks.counts, ranks.sums, strict=True)
    ]
    moments = found.sums.counts, found.sums.sums, found.sums.squares
    unknown = np.full((2, found.rank), np.nan)
    separate = MeansTest(*unknown) if found.by_group else welch(*moments)
    information = found.information if len(found.information) else unknown
    return {
        "pattern": np.arange(found.rank, dtype=np.int32),
        "singular_value": np.sqrt(squares),
        "energy_share": squares / found.totals.energy,
        "cumulative_energy": np.cumsum(squares) / found.totals.energy,
        "residual": found.projected.residuals,
        "psnr": psnr(found.projected.held_out, job.pixels) if job.space.orthonormal else unknown[0],
        "eta_squared": true.eta_squared,
        "eta_squared_low": found.intervals.eta_squared[0],
        "eta_squared_high": found.intervals.eta_squared[1],
        "omega_squared": true.omega_squared,
        "f_statistic": true.f_statistic,
        "p_value": true.p_value,
        "welch_statistic": separate.statistic,
        "welch_p_value": separate.p_value,
        "brown_forsythe_statistic": found.means.statistic,
        "brown_forsythe_p_value": found.means.p_value,
        "q_value": found.q_value,
        "spread_ratio": spread_ratio(*moments),
        "kruskal_wallis": tests[0][0],
        "kruskal_wallis_p_value": unknown[0] if found.by_group else tests[0][1],
        "mutual_information": information[0],
        "association_rank": _places(true.eta_squared),
        **_concentrations(job),
        **_shift(found, other_split=job.plan.other_split),
        "null_eta_squared_max": found.shuffled.eta_squared.max(axis=0),
        "null_eta_squared_p95": np.percentile(found.shuffled.eta_squared, P95, axis=0),
        "null_kruskal_wallis_max": largest(statistic for statistic, _ in tests[1:]),
        "null_mutual_information_max": largest(information[1:]),
        "null_spread_ratio_max": largest(found.shuffled.spread_ratio),
        "top_class": _top_classes(found),
    }


def _top_classes(found: Findings) -> list[str | None]:
    """Name of the class that stands out most on each pattern; None where no class has a Cohen's d."""
    effects = np.abs(found.by_pair.cohens_d)
    known = ~np.isnan(effects)
    top = np.where(known, effects, -1).argmax(axis=1)
    return [found.names[best] if row.any() else None for best, row in zip(top, known, strict=True)]


def _places(values: Float64) -> Int64:
    """Place of each value in descending order, from 0; those that are not known come last."""
    return np.argsort(np.argsort(-np.nan_to_num(values, nan=-1), kind="stable"), kind="stable")


def _concentrations(job: Job) -> dict[str, object]:
    """Measure where each pattern lies in the image; null for a space whose patterns are no images."""
    images = open_array(job.paths.pattern_images)
    count = images.shape[0] if job.space.invertible else 0
    found = [concentration(np.asarray(images[number])) for number in range(count)]
    shares = np.array(found) if found else np.full((images.shape[0], 3), np.nan)
    return dict(zip(("pixel_share", "line_share", "border_share"), shares.T, strict=True))


def _shift(found: Findings, *, other_split: bool) -> dict[str, object]:
    """Shift of the held-out images' scores; null if they were drawn from the images that patterns are fitted on."""
    fitted_too_well = optimism(found.projected.squares, found.totals.energy, found.totals.fitted)
    mean, ratio, p_value = split_shift(found.summary.scatter, found.summary.distribution.counts, fitted_too_well)
    columns = {"held_out_mean_shift": mean, "held_out_variance_ratio": ratio, "held_out_shift_p_value": p_value}
    if found.by_group:  # few groups may differ by chance in what many images cannot
        columns["held_out_shift_p_value"] = np.full(found.rank, np.nan)
    return {name: values if other_split else np.full(found.rank, np.nan) for name, values in columns.items()}


def _pattern_class(found: Findings) -> dict[str, object]:
    classes, rank = found.sums.sums.shape
    areas = map(area_under_curve, found.verdicts.ranks.counts, found.verdicts.ranks.sums)
    by_pair = {field.name: getattr(found.by_pair, field.name) for field in dataclasses.fields(found.by_pair)} | {
        "auc": next(areas).T,
        "null_cohens_d_max": found.shuffled.cohens_d,
        "null_auc_max": largest(0.5 + np.abs(area - 0.5) for area in areas).T,
    }
    return {
        "pattern": np.repeat(np.arange(rank, dtype=np.int32), classes),
        "class_id": np.tile(np.arange(classes, dtype=np.int32), rank),
        "n": np.tile(found.sums.counts, rank),
    } | {name: values.ravel() for name, values in by_pair.items()}


def _learnability(found: Findings, compared: Compared) -> dict[str, object]:
    true, shuffled = compared.true, compared.shuffled
    sums, control, colours = found.sums, found.shuffled, found.projected.colours
    value, null = learnability(sums.counts, sums.sums, sums.cross), found.null
    classes = int((sums.counts > 0).sum())
    significant_patterns, shuffled_mean, shuffled_max = found.significant
    energy = found.totals.energy * found.images / found.totals.fitted  # of the images that count
    learned = found.summary.scatter.counts[0, :HELD_OUT].sum(axis=0)
    row = {
        "learnability": value,
        "learnability_adjusted": adjusted(value, null),
        "learnability_cap": cap(found.rank, classes),
        "explained_variance": explained(sums, found.true, energy),
        "ci_low": found.intervals.learnability[0],
        "ci_high": found.intervals.learnability[1],
        "expected_null": null,
        "shuffled_mean": control.learnability.mean(),
        "shuffled_p95": np.percentile(control.learnability, P95),
        "shuffled_max": control.learnability.max(),
        "significant_patterns": significant_patterns,
        "shuffled_significant_mean": shuffled_mean,
        "shuffled_significant_max": shuffled_max,
        "colour_learnability": learnability(colours.counts, colours.sums, colours.cross),
        "colour_shuffled_max": shuffled_learnability(colours).max(),
        "heterogeneity": true.heterogeneity,
        "heterogeneity_expected": expected_heterogeneity(learned, true.compared),
        "heterogeneity_shuffled": shuffled.heterogeneity,
        "largest_share": true.largest_share,
        "largest_share_shuffled": shuffled.largest_share,
        "share_agreement": true.agreement,
        "share_agreement_shuffled": shuffled.agreement,
        "replicated_classes": compared.replicated if compared.judged else None,
        "judged_classes": compared.judged,
        "half_agreement": true.half_agreement,
        "half_agreement_shuffled": shuffled.half_agreement,
        "permutations": len(control.learnability),
        "n": found.images,
        "repeats": found.totals.fitted - found.images,
        "units": found.totals.units,
        "effective_images": found.effective_images,
        "leaked": found.totals.leaked,
        "classes": classes,
        "rank": found.rank,
        "compared_patterns": found.summary.scatter.class_cross.shape[-1],
    }
    return {name: [entry] for name, entry in row.items()}


def _label_noise(found: Findings) -> dict[str, object]:
    sums, noisy = found.sums, found.summary.noisy
    value = learnability(sums.counts, sums.sums, sums.cross)
    measured = [
        learnability(counts, totals, sums.cross) for counts, totals in zip(noisy.counts, noisy.sums, strict=True)
    ]
    spread = [spread_under_noise(fraction, sums.counts, sums.sums, sums.cross) for fraction in NOISE]
    return {
        "fraction": list(NOISE),
        "measured": measured,
        "predicted": [expected_under_noise(fraction, value, found.null) for fraction in NOISE],
        "spread": [np.nan] * len(NOISE) if found.by_group else spread,
    }


def _held_out(found: Findings, *, other_split: bool) -> dict[str, object]:
    """Accuracy of classifiers on held-out images beside what chance gives; null if there are none."""
    counts, verdicts = found.summary.scatter.counts, found.verdicts
    learned, held_out = counts[0, :HELD_OUT].sum(axis=0), counts[0, HELD_OUT]
    judged = int(verdicts.judged)
    right, known = verdicts.right.sum(axis=-1), judged or np.nan
    largest, present = learned.argmax(), int((learned > 0).sum())
    majority = learned[largest] / learned.sum() if learned.sum() else np.nan
    constant, uniform = held_out[largest] / known, 1 / present if present else np.nan
    # Held-out images that were drawn at random have classes of the same sizes; those of another split may not.
    chance = max(majority, uniform, constant if other_split else 0)
    # Images of a group may be right or wrong together, so the test counts a group as one.
    units = found.totals.held_out_units
    tests = np.array([[binomial_p_value(one / known * units, units, chance) for one in method] for method in right])
    balance = balanced(verdicts.right, counts[:, HELD_OUT])
    return {
        "method": ["ridge", "quadratic"],
        "accuracy": right[:, 0] / known,
        "shuffled_accuracy": right[:, 1] / known,
        "balanced_accuracy": balance[:, 0],
        "shuffled_balanced_accuracy": balance[:, 1],
        "chance": [constant] * 2,
        "majority_rate": [majority] * 2,
        "uniform_chance": [uniform] * 2,
        "null_accuracy": [chance] * 2,
        "p_value": tests[:, 0],
        "shuffled_p_value": tests[:, 1],
        "patterns": [found.rank, found.summary.scatter.class_cross.shape[-1]],
        "learned": [learned.sum()] * 2,
        "judged": [judged] * 2,
        "judged_units": [found.totals.held_out_units] * 2,
    }


def psnr(energy: Energy, pixels: int) -> Float64:
    """Peak signal-to-noise ratio (k,) in dB of images rebuilt from the first 1, 2, ..., k patterns.

    An image has `pixels` values in [0, 1], and its coefficients have the same energy. The result is NaN if there are no
    images, and where the remaining error is below rounding.
    """
    left = energy.total - np.cumsum(energy.squares)
    left[left <= np.finfo(np.float32).eps * energy.total] = np.nan
    result: Float64 = -10 * np.log10(left / (energy.images * pixels)) if energy.images else np.full_like(left, np.nan)
    return result
