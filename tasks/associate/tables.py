"""Make the tables of patterns, of pairs of pattern and class, and of the whole run from the merged sums."""

import numpy as np

from tasks.associate.class_patterns import Compared, compare_classes
from tasks.associate.findings import Findings, find
from tasks.associate.image_tables import tabulate_exemplars
from tasks.associate.label_judgement import judges_table
from tasks.associate.learning_curve import learning_curve_table
from tasks.associate.pattern_tables import pair_columns, pattern_columns
from tasks.associate.scale_tables import tabulate_bands, tabulate_scales
from tasks.run.job import Job
from tasks.run.state import compared_all
from tasks.run.tables import ResultTables
from tasks.run.worker import single_threaded
from tasks.statistics.accuracy import binomial_p_value
from tasks.statistics.association import adjusted, cap, explained, learnability, shuffled_learnability
from tasks.statistics.first_order import P95
from tasks.statistics.held_out import accuracies
from tasks.statistics.hogsvd import expected_heterogeneity
from tasks.statistics.noise import spread_under_noise
from tasks.statistics.relabelling import NOISE, expected_under_noise
from tasks.statistics.scatter import HELD_OUT

# Columns of the table `learnability` that compare classes, so that there are none with one class.
OF_CLASSES = (
    *("explained_variance", "expected_null", "heterogeneity", "heterogeneity_expected", "heterogeneity_shuffled"),
    *("largest_share", "largest_share_shuffled"),
)


@single_threaded
def associate_patterns(job: Job) -> None:
    """Write all tables of association."""
    found, tables = find(job), ResultTables(job)
    compared = compare_classes(job, found.summary.scatter, tables)
    columns = {
        "patterns": pattern_columns(found, job),
        "pattern_class": pair_columns(found),
        "learnability": _learnability(found, compared),
        "label_noise": _label_noise(found),
        "held_out": _held_out(found, other_split=job.plan.other_split, compared=compared_all(job)),
        "judges": judges_table(job, found.summary.judging, found.verdicts),
        "learning_curve": learning_curve_table(job, found.summary, found.verdicts),
    }
    for name, content in columns.items():
        tables.write(name, content)
    tabulate_scales(job, tables)
    tabulate_bands(job, tables)
    tabulate_exemplars(job, found.summary.exemplars, tables)


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
        "explained_variance": np.nan if found.by_group else explained(sums, found.true, energy),
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
    if classes < 2:  # noqa: PLR2004
        row |= dict.fromkeys(OF_CLASSES, np.nan)
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


def _held_out(found: Findings, *, other_split: bool, compared: bool) -> dict[str, object]:
    """Accuracy of classifiers on held-out images beside what chance gives; null if there are none."""
    counts, verdicts, units = found.summary.scatter.counts, found.verdicts, found.totals.held_out_units
    learned, held_out = counts[0, :HELD_OUT].sum(axis=0), counts[:, HELD_OUT]
    columns = accuracies(learned, held_out, verdicts.right, units, other_split=other_split)
    judged = int(columns["judged"][0])
    clean = verdicts.clean_judged if compared and judged else 0
    clean_units = round(units * clean / judged) if judged else 0
    honest = verdicts.clean_right / (clean or np.nan)
    chance = columns["null_accuracy"][0]
    return columns | {
        "patterns": [found.rank, found.summary.scatter.class_cross.shape[-1]],
        "clean_accuracy": honest,
        "clean_judged": [clean if compared else None] * 2,
        "clean_p_value": [binomial_p_value(one * clean_units, clean_units, chance) for one in honest],
    }
