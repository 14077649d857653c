"""The columns of every table with their descriptions, which the documentation repeats."""

from collections.abc import Iterable, Mapping

import pyarrow as pa

STAMP_BYTES = 32

# 2: run_id in every table of a run, names beside all numbers of classes. 3: equal bytes count once.
# 5: label_suspicion is a probability. 6: issues.
SCHEMA_VERSION = 7

CLASS_NAME = pa.dictionary(pa.int32(), pa.string())
BAND_NAME = pa.dictionary(pa.int16(), pa.string())
RUN_ID = pa.dictionary(pa.int8(), pa.string())
SPLIT = pa.dictionary(pa.int8(), pa.string())
MODE = pa.dictionary(pa.int8(), pa.string())
STAMP = pa.binary(STAMP_BYTES)
DIGEST_BYTES = 16


def _field(name: str, kind: pa.DataType, description: str) -> pa.Field:
    return pa.field(name, kind, metadata={"description": description})


_JUDGEMENT_FIELDS = (
    _field(
        "label_suspicion",
        pa.float64(),
        "Probability from 0 to 1 that the class is another than the label's, by the scores of all other images. Up to "
        "schema version 4: log-posterior of the likeliest other class minus that of the label.",
    ),
    _field("likely_class_id", pa.int32(), "Likeliest class by the scores; another than the label's for a suspect."),
    _field("suggested_probability", pa.float64(), "Probability of that class."),
)
_PROBABILITY_FIELDS = (
    _field(
        "class_ids", pa.list_(pa.int32()), "Numbers of all classes, or of the five likeliest if there are over 100."
    ),
    _field("probabilities", pa.list_(pa.float16()), "Probability of each of these classes."),
)
_SAMPLE_FIELDS = (
    _field("row", pa.int64(), "Row of the image in coefficients and scores."),
    _field("key", pa.string(), "Name of the image in its source."),
    _field("shard", pa.int32(), "Number of the shard, which is also the chunk of the arrays, that holds the row."),
    _field(
        "class_id",
        pa.int32(),
        "Number of the class; -1 if the image was removed, -2 if it has no label.",
    ),
    _field("split", SPLIT, "Split of the source; patterns are fitted on one of them."),
)

_IMAGE_FIELDS = tuple(field for field in _SAMPLE_FIELDS if field.name in {"row", "key", "split", "class_id"})
_KIND = _field(
    "kind",
    SPLIT,
    "dark, bright, flat (nearly one color), nearly empty, blurred, odd size, or outlier (by its patterns).",
)

_CLASS_NAME = _field("class_name", CLASS_NAME, "Name of the class; null if class_id is negative.")
_RUN_ID = _field("run_id", RUN_ID, "Run that wrote the row.")


def _of_run(fields: Iterable[pa.Field]) -> pa.Schema:
    return pa.schema([*fields, _RUN_ID])


TABLES: Mapping[str, pa.Schema] = {
    "patterns": _of_run(
        [
            _field("pattern", pa.int32(), "Number of the pattern, in descending order of singular value."),
            _field("singular_value", pa.float64(), "Norm of the pattern's scores over the fitted images."),
            _field("energy_share", pa.float64(), "Squared singular value over the total energy about the mean."),
            _field("cumulative_energy", pa.float64(), "Energy share of this pattern and all before it."),
            _field("residual", pa.float64(), "Norm of G v - s^2 v over s^2 with the Gram matrix G; 0 if exact."),
            _field("psnr", pa.float64(), "PSNR in dB of held-out images rebuilt from this pattern and all before it."),
            _field("eta_squared", pa.float64(), "Part of the scores' variance that lies between classes."),
            _field("eta_squared_low", pa.float64(), "Lower end of the 95 % interval of omega_squared."),
            _field("eta_squared_high", pa.float64(), "Upper end of that interval."),
            _field(
                "omega_squared",
                pa.float64(),
                "Eta squared with its bias removed; may be negative. Null if images are grouped.",
            ),
            _field("f_statistic", pa.float64(), "F statistic of a one-way analysis of variance over the classes."),
            _field(
                "p_value",
                pa.float64(),
                "p-value of the F statistic with C - 1 and n - C degrees of freedom; null if images are grouped.",
            ),
            _field(
                "welch_statistic",
                pa.float64(),
                "Welch's F, which allows unequal spreads; null if a class is too small for the number of classes.",
            ),
            _field("welch_p_value", pa.float64(), "p-value of Welch's F; both are null if images are grouped."),
            _field(
                "brown_forsythe_statistic",
                pa.float64(),
                "Brown-Forsythe test of means, which allows unequal spreads; without classes of fewer than 5 images.",
            ),
            _field(
                "brown_forsythe_p_value",
                pa.float64(),
                "p-value of that test, with Mehrotra's degrees of freedom; with groups, variances are between groups.",
            ),
            _field(
                "q_value",
                pa.float64(),
                "brown_forsythe_p_value adjusted by Benjamini and Hochberg over the patterns.",
            ),
            _field(
                "spread_ratio",
                pa.float64(),
                "Largest over smallest standard deviation of the scores of a class with 5 or more images.",
            ),
            _field("kruskal_wallis", pa.float64(), "Kruskal-Wallis statistic of the ranks of the scores."),
            _field(
                "kruskal_wallis_p_value",
                pa.float64(),
                "p-value of that statistic with C - 1 degrees of freedom; null if images are grouped.",
            ),
            _field(
                "mutual_information", pa.float64(), "Mutual information of score and class in nats, its bias removed."
            ),
            _field("association_rank", pa.int32(), "Place in descending order of eta_squared, from 0."),
            _field(
                "pixel_share",
                pa.float64(),
                "Part of the pattern's energy, as an image, in the 1 % of pixels with most; null if it is no image.",
            ),
            _field("line_share", pa.float64(), "The same in the 32nd part of the rows, or columns, with most."),
            _field(
                "border_share",
                pa.float64(),
                "The same in the border, a 32nd of each side wide; null if that is more than a quarter of the image.",
            ),
            _field(
                "held_out_mean_shift",
                pa.float64(),
                "Mean score of the held-out split less that of the fitted images, class by class, in deviations within "
                "classes; null without another split.",
            ),
            _field(
                "held_out_variance_ratio",
                pa.float64(),
                "Variance within classes of the held-out split over that of the fitted images; null where it would be "
                "smaller because patterns are fitted on these.",
            ),
            _field("held_out_shift_p_value", pa.float64(), "p-value of the larger of both shifts."),
            _field("null_eta_squared_max", pa.float64(), "Largest eta squared among the shuffled labels."),
            _field("null_eta_squared_p95", pa.float64(), "95 % quantile of eta squared among the shuffled labels."),
            _field(
                "null_kruskal_wallis_max", pa.float64(), "Largest Kruskal-Wallis statistic among the shuffled labels."
            ),
            _field("null_mutual_information_max", pa.float64(), "Largest mutual information among 8 of the shuffles."),
            _field("null_spread_ratio_max", pa.float64(), "Largest spread_ratio among the shuffled labels."),
            _field("top_class", CLASS_NAME, "Class with the largest magnitude of Cohen's d; null if no class has one."),
        ]
    ),
    "pattern_class": _of_run(
        [
            _field("pattern", pa.int32(), "Number of the pattern."),
            _field("class_id", pa.int32(), "Number of the class."),
            _field("class_name", CLASS_NAME, "Name of the class."),
            _field("n", pa.int64(), "Number of fitted images of the class."),
            _field("mean_score", pa.float64(), "Mean score of the class on the pattern."),
            _field("cohens_d", pa.float64(), "Class mean minus mean of all others, in within-class deviations."),
            _field(
                "p_value",
                pa.float64(),
                "p-value of the two-sided t test that belongs to Cohen's d; null if images are grouped.",
            ),
            _field(
                "welch_statistic",
                pa.float64(),
                "Welch's t of the class against all others; null if either has fewer than 5 images.",
            ),
            _field("welch_p_value", pa.float64(), "Two-sided p-value of Welch's t."),
            _field(
                "q_value",
                pa.float64(),
                "welch_p_value adjusted by Benjamini and Hochberg over all pairs of pattern and class.",
            ),
            _field("energy_share", pa.float64(), "The class's part of the pattern's squared scores."),
            _field(
                "auc", pa.float64(), "Probability that an image of the class scores higher than an image of another."
            ),
            _field("null_cohens_d_max", pa.float64(), "Largest magnitude of Cohen's d among the shuffled labels."),
            _field("null_auc_max", pa.float64(), "Largest auc, or 1 - auc, among the shuffled labels."),
        ]
    ),
    "generalized_patterns": _of_run(
        [
            _field("pattern", pa.int32(), "Number of the generalized pattern, most uneven first."),
            _field("class_id", pa.int32(), "Number of the class."),
            _field("class_name", CLASS_NAME, "Name of the class."),
            _field("tau", pa.float64(), "Unevenness of the classes' variances along the pattern."),
            _field(
                "share",
                pa.float64(),
                "Class's share of the variance along the pattern; all classes have the same weight.",
            ),
            _field("held_out_share", pa.float64(), "The same among held-out images."),
            _field("replicability", pa.float64(), "Correlation of share and held_out_share over the classes."),
        ]
    ),
    "class_patterns": _of_run(
        [
            _field("class_id", pa.int32(), "Number of the class."),
            _field("class_name", CLASS_NAME, "Name of the class."),
            _field("number", pa.int32(), "Place among the class's own patterns; 0 is the most distinctive."),
            _field(
                "share",
                pa.float64(),
                "Class's share of the variance along the pattern; all classes have the same weight.",
            ),
            _field(
                "angular_distance",
                pa.float64(),
                "Angular distance: pi/4 if all variance is the class's, 0 if it equals that of the rest.",
            ),
            _field("held_out_angular_distance", pa.float64(), "The same among held-out images."),
            _field(
                "held_out_p_value",
                pa.float64(),
                "p-value of the F test that the class has more variance along the pattern than the others, in held-out "
                "images.",
            ),
            _field(
                "held_out_q_value",
                pa.float64(),
                "That p-value adjusted by Benjamini and Hochberg over the patterns of all classes.",
            ),
            _field("null_angular_distance", pa.float64(), "Angular distance that shuffled labels reach."),
        ]
    ),
    "exemplars": _of_run(
        [
            _field("pattern", pa.int32(), "Number of the pattern."),
            _field("side", pa.dictionary(pa.int8(), pa.string()), "positive: highest scores, negative: lowest."),
            _field("place", pa.int32(), "Place in that order, from 0."),
            _field("row", pa.int64(), "Row of the image in coefficients and scores."),
            _field("key", pa.string(), "Name of the image in its source."),
            _field("class_id", pa.int32(), "Number of the class; -1 if the image was removed from the dataset."),
            _field("class_name", CLASS_NAME, "Name of the class; null if the image was removed from the dataset."),
            _field("score", pa.float64(), "Score of the image on the pattern."),
        ]
    ),
    "pattern_bands": _of_run(
        [
            _field("pattern", pa.int32(), "Number of the pattern."),
            _field("level", pa.int32(), "Level of the band, 1 the finest; of scattering, the scale of the last wave."),
            _field(
                "orientation",
                BAND_NAME,
                "Band: LL, LH, HL or HH; horizontal filter first. Of scattering: LL (the mean), or the angles of its "
                "waves, with the scale of the first, such as 45° at 1 > 90°.",
            ),
            _field("channel", pa.int32(), "Channel of the color space, from 0."),
            _field(
                "energy_share",
                pa.float64(),
                "Part of the pattern's squared coefficients that lies in this band and channel.",
            ),
        ]
    ),
    "scales": _of_run(
        [
            _field(
                "level",
                pa.int32(),
                "Level of the columns decomposed on their own, 1 the finest; of scattering, the scale of the last "
                "wave. Null for all.",
            ),
            _field(
                "orientation",
                BAND_NAME,
                "Their band, as in pattern_bands; null for all details of the level, or all of the order.",
            ),
            _field("channel", pa.int32(), "Their channel of the color space, from 0; null for all."),
            _field("coefficients", pa.int32(), "Number of columns."),
            _field(
                "patterns",
                pa.int32(),
                "Number of leading patterns of these columns that learnability is computed from.",
            ),
            _field("energy_share", pa.float64(), "Part of all energy about the mean that lies in these columns."),
            _field("captured", pa.float64(), "Part of the columns' energy that the patterns hold."),
            _field("learnability", pa.float64(), "Pillai's trace over C - 1 of the scores on these patterns."),
            _field("learnability_adjusted", pa.float64(), "Learnability beyond its expectation under no association."),
            _field(
                "learnability_cap",
                pa.float64(),
                "Largest possible learnability: min(k, C - 1) / (C - 1) of k patterns and C classes.",
            ),
            _field("expected_null", pa.float64(), "Expected learnability under no association."),
            _field("shuffled_mean", pa.float64(), "Mean learnability over the shuffled labels."),
            _field("shuffled_p95", pa.float64(), "95 % quantile of learnability over the shuffled labels."),
            _field("shuffled_max", pa.float64(), "Largest learnability over the shuffled labels."),
            _field("residual", pa.float64(), "Largest residual of these patterns, as in the table patterns."),
            _field("order", pa.int8(), "Order of scattering, 0 to 2; null for other transforms."),
        ]
    ),
    "suspects": _of_run(
        [
            _field("place", pa.int32(), "Place in the order of suspicion; 0 is the image whose label fits worst."),
            _field("row", pa.int64(), "Row of the image in coefficients and scores."),
            _field("key", pa.string(), "Name of the image in its source."),
            _field("class_id", pa.int32(), "Number of the class that the image is labelled with."),
            _field("class_name", CLASS_NAME, "Name of that class."),
            *_JUDGEMENT_FIELDS,
            _field("likely_class_name", CLASS_NAME, "Name of that class."),
            _field("place_in_class", pa.int32(), "Place among the images with the same label."),
            _field(
                "similar_row",
                pa.int64(),
                "Row of the image that it resembles: the nearest one that has the likely class as its label, and for "
                "which no other class is likelier. Null without one.",
            ),
            _field("similar_key", pa.string(), "Name of that image."),
        ]
    ),
    "confusions": _of_run(
        [
            _field("class_id", pa.int32(), "Number of the class that images are labelled with."),
            _field("class_name", CLASS_NAME, "Name of that class."),
            _field("likely_class_id", pa.int32(), "Another class, which is likeliest for some of them by the scores."),
            _field("likely_class_name", CLASS_NAME, "Name of that class."),
            _field("images", pa.int64(), "Number of these images."),
            _field("share", pa.float64(), "Part of the judged images with this label that this is."),
            _field("row", pa.int64(), "Row of the one of them whose label fits worst; null but for a few pairs."),
            _field("key", pa.string(), "Name of that image."),
            _field("similar_row", pa.int64(), "Row of the image that it resembles, as in suspects."),
            _field("similar_key", pa.string(), "Name of that image."),
        ]
    ),
    "classes": _of_run(
        [
            _field("class_id", pa.int32(), "Number of the class."),
            _field("class_name", CLASS_NAME, "Name of the class."),
            _field("judged", pa.int64(), "Number of images with this label that were judged."),
            _field("suspects", pa.int64(), "Number of them for which another class is likelier."),
            _field("suspect_share", pa.float64(), "Part of the judged images that this is; null if none was judged."),
            _field("duplicates", pa.int64(), "Number of images with this label that are copies of earlier ones."),
            _field("conflicts", pa.int64(), "Number of those that have a copy with another label."),
            _field("leaked", pa.int64(), "Number of those of other splits that are copies of fitted images."),
        ]
    ),
    "issues": _of_run(
        [
            _field("row", pa.int64(), "Row of the image in coefficients and scores."),
            _field("key", pa.string(), "Name of the image in its source."),
            _field(
                "path",
                pa.string(),
                "Where to find it: a path or URL, ARCHIVE::MEMBER, FILE#ROW (from 0), or DATASET#KEY.",
            ),
            _field("split", SPLIT, "Split of the source."),
            _field("class_id", pa.int32(), "Number of the class that the image is labelled with; -2 if it has none."),
            _CLASS_NAME,
            _field("kind", SPLIT, "The kind of issue, one of a few fixed words; see docs/issues.md."),
            _field("severity", pa.float64(), "From 0 to 1, comparable over all kinds; the table is ordered by it."),
            _field(
                "suggestion",
                pa.string(),
                "The suggested action: a class name to relabel with, keep and a key, or drop.",
            ),
            _field("suggested_class_id", pa.int32(), "Number of the suggested class; null if none is suggested."),
            _field("suggested_class_name", CLASS_NAME, "Name of that class."),
            _field("other_key", pa.string(), "Name of the other image of a pair; null if the issue has none."),
            _field("evidence", pa.string(), "A sentence that says what was found."),
            _field("digest", pa.string(), "As in samples."),
        ]
    ),
    "issue_kinds": _of_run(
        [
            _field("kind", SPLIT, "Kind of issue."),
            _field("found", pa.int64(), "Number of issues of the kind that were found."),
            _field("listed", pa.int64(), "Number of them in the table issues: all, or the most severe 100,000."),
        ]
    ),
    "probabilities": _of_run(
        [
            _field("row", pa.int64(), "Row of the image in coefficients and scores."),
            _field("key", pa.string(), "Name of the image in its source."),
            *_PROBABILITY_FIELDS,
        ]
    ),
    "judges": _of_run(
        [
            _field(
                "method",
                SPLIT,
                "ridge: linear; quadratic: quadratic discriminant analysis; product: both, which judge the labels.",
            ),
            _field("accuracy", pa.float64(), "Part of the held-out images whose class is predicted correctly."),
            _field("log_loss", pa.float64(), "Mean of -log of the probability of their class, in nats."),
            _field(
                "weight",
                pa.float64(),
                "Weight of the method's log-probabilities in the product, before both together are calibrated.",
            ),
            _field("temperature", pa.float64(), "Factor that calibrates the log-posteriors of the method."),
            _field(
                "prior",
                pa.float64(),
                "Number of images that the pooled covariance weighs in that of each class; null for other methods.",
            ),
            _field("patterns", pa.int32(), "Number of leading patterns that the method uses."),
            _field("learned", pa.int64(), "Number of images learned from."),
            _field("judged", pa.int64(), "Number of held-out images."),
            _field(
                "clean_accuracy",
                pa.float64(),
                "accuracy without held-out images that are copies, exact or near, of images learned from, and without "
                "those of classes not learned from; null if near-duplicates were not sought, or no image is left.",
            ),
            _field("clean_judged", pa.int64(), "Number of the held-out images that are left."),
        ]
    ),
    "learning_curve": _of_run(
        [
            _field("images", pa.int64(), "Number of images that ridge regression would learn from."),
            _field(
                "learned", pa.int64(), "Number of images that it did learn from; other rows are predicted from these."
            ),
            _field(
                "r_squared",
                pa.float64(),
                "Predicted part of the variance of the classes' indicators that it explains in unseen images; null if "
                "images are grouped, or too few.",
            ),
            _field("shuffled_r_squared", pa.float64(), "The same under shuffled labels."),
            _field(
                "accuracy",
                pa.float64(),
                "Predicted part of unseen images whose class it tells: as clean_accuracy in judges where images equals "
                "learned, or accuracy if near-duplicates were not sought. Null "
                "if that is not above chance.",
            ),
        ]
    ),
    "near_duplicates": _of_run(
        [
            _field("row", pa.int64(), "Row of the image; of an exact copy, of the image that stands for all of them."),
            _field("other_row", pa.int64(), "Row of the other image of the pair."),
            _field("key", pa.string(), "Name of the image in its source."),
            _field("other_key", pa.string(), "Name of the other image."),
            _field("split", SPLIT, "Split of the image."),
            _field("other_split", SPLIT, "Split of the other image."),
            _field("class_id", pa.int32(), "Number of the image's class; -2 if it has no label."),
            _field("class_name", CLASS_NAME, "Name of that class."),
            _field("other_class_id", pa.int32(), "Number of the other image's class; -2 if it has no label."),
            _field("other_class_name", CLASS_NAME, "Name of that class."),
            _field(
                "distance",
                pa.float64(),
                "Distance of their scores on the leading patterns, each over its deviation; 0 for exact copies.",
            ),
            _field(
                "relative_distance",
                pa.float64(),
                "That distance over the median distance of an image to its 6th to 20th neighbor; the smaller one of "
                "the two images.",
            ),
            _field("exact", pa.bool_(), "Whether both images have the same bytes."),
            _field(
                "mirrored",
                pa.bool_(),
                "Whether one image shows the mirror image of the other; distances are then from that. Such pairs with "
                "different labels are left out. Null if mirrored copies were not sought.",
            ),
            _field("group", pa.int64(), "Number of the group of images that pairs connect, in the order of rows."),
        ]
    ),
    "duplication": _of_run(
        [
            _field("images", pa.int64(), "Number of valid images."),
            _field("exact_pairs", pa.int64(), "Number of images that have the bytes of one that stands for them."),
            _field("near_pairs", pa.int64(), "Number of other pairs of near-duplicates; null if they were not sought."),
            _field("mirrored_pairs", pa.int64(), "Number of pairs of mirrored copies; null if they were not sought."),
            _field("groups", pa.int64(), "Number of groups of images that exact or near pairs connect."),
            _field("largest_group", pa.int64(), "Number of images in the largest group."),
            _field("duplicates", pa.int64(), "Number of images in groups, without the first one of each."),
            _field(
                "duplicate_fraction",
                pa.float64(),
                "Part of the valid images that this is; null if near-duplicates were not sought.",
            ),
            _field("other_split", pa.int64(), "Number of valid images of other splits than the fitted one."),
            _field("exactly_leaked", pa.int64(), "Number of them that have the bytes of a fitted image."),
            _field("leaked", pa.int64(), "Number of them that are an exact or near copy of a fitted image."),
            _field(
                "leaked_fraction",
                pa.float64(),
                "leaked over other_split; null without another split, or if near-duplicates were not sought.",
            ),
            _field("conflicts", pa.int64(), "Number of exact or near pairs with different labels."),
            _field(
                "largest_ratio",
                pa.float64(),
                "Limit of relative_distance: 0.6, or less where few dimensions make small ratios likely; null if "
                "near-duplicates were not sought.",
            ),
            _field("patterns", pa.int32(), "Number of leading patterns whose scores are compared."),
            _field(
                "intrinsic_dimension",
                pa.float64(),
                "Number of directions in which images vary around an image, by maximum likelihood from the distances "
                "to the 6th to 20th neighbor.",
            ),
            _field("two_nn_dimension", pa.float64(), "The same by the ratio of the distances to the nearest two."),
        ]
    ),
    "thumbnails": _of_run(
        [
            _field("row", pa.int64(), "Row of the image in coefficients and scores."),
            _field("key", pa.string(), "Name of the image in its source."),
            _field("class_id", pa.int32(), "Number of the class that the image is labelled with."),
            _field("class_name", CLASS_NAME, "Name of that class."),
            _field("example", pa.bool_(), "True for the few images that the report shows as growing sums of patterns."),
            _field("image", pa.binary(), "Thumbnail of the image, a WebP file."),
            _field("path", pa.string(), "Where to find the image, as in issues."),
        ]
    ),
    "properties": _of_run(
        [
            *_IMAGE_FIELDS,
            _CLASS_NAME,
            _field("width", pa.int32(), "Width of the stored image in pixels, upright; null if its header is unusual."),
            _field("height", pa.int32(), "Height of it."),
            _field("bytes", pa.int64(), "Size of the stored image in bytes."),
            _field("mode", MODE, "Kind of its pixels as stored: Pillow's mode, or type and channels of plain pixels."),
            _field("brightness", pa.float32(), "Mean luma of the image as it was analyzed (after --size): 0 to 1."),
            _field("contrast", pa.float32(), "Standard deviation of its luma: 0 to 0.5."),
            _field("shadows", pa.float32(), "Luma that 1 % of its pixels are below, to a 32nd."),
            _field("highlights", pa.float32(), "Luma that 1 % of its pixels are above, to a 32nd."),
            _field("dark_fraction", pa.float32(), "Part of its pixels with a luma below 1/16."),
            _field("bright_fraction", pa.float32(), "Part of its pixels with a luma of 15/16 or more."),
            _field(
                "sharpness",
                pa.float32(),
                "Mean squared Laplacian over mean squared gradient: about 2 for photographs, less if blurred, 5 for "
                "noise; null for an image of one color.",
            ),
            _field("colourfulness", pa.float32(), "Colorfulness by Hasler and Suesstrunk; 0 for gray."),
            _field("colour_contrast", pa.float32(), "Standard deviation of its opponent colors; 0 for gray."),
            _field("flatness", pa.float32(), "Part of its pixels in the most frequent of 32 levels of luma."),
            _field("residual_energy", pa.float32(), "Energy of its coefficients about the mean beyond the patterns."),
            _field("residual_share", pa.float32(), "Part of its energy that this is; null if it has none."),
            _field(
                "class_distance",
                pa.float32(),
                "Mahalanobis distance of its scores from the mean of its class, over the root of their number: about 1 "
                "for most. Null without a class.",
            ),
        ]
    ),
    "quality": _of_run(
        [
            *_IMAGE_FIELDS,
            _CLASS_NAME,
            _KIND,
            _field(
                "severity",
                pa.float64(),
                "0.5 at the limit, 0.75 at twice its distance from the median, towards 1 farther out.",
            ),
            _field("value", pa.float64(), "Value of the property by which the image stands out."),
            _field("typical", pa.float64(), "Its median in the dataset; for an outlier in its class."),
            _field("evidence", pa.string(), "Why the image stands out, in a sentence."),
        ]
    ),
    "quality_classes": _of_run(
        [
            _KIND,
            _field("class_id", pa.int32(), "Number of the class; -2 for images without a label, if there are any."),
            _CLASS_NAME,
            _field("images", pa.int64(), "Number of valid images of the class, of all splits."),
            _field("count", pa.int64(), "Number of them that stand out in this way."),
            _field("share", pa.float64(), "Part of the class that this is; null for a class without images."),
            _field(
                "expected",
                pa.float64(),
                "Expected count if kind and class are independent; null without a class.",
            ),
            _field(
                "p_value",
                pa.float64(),
                "Probability of this count or more then (binomial); null if no image is of the kind.",
            ),
            _field("q_value", pa.float64(), "p_value adjusted by Benjamini and Hochberg over all rows."),
            _field(
                "cramers_v",
                pa.float64(),
                "Cramer's V of the kind and the class, the same in all rows of a kind: 0 if independent, 1 if the kind "
                "is exactly some classes. Null if no image is of the kind.",
            ),
        ]
    ),
    "label_noise": _of_run(
        [
            _field("fraction", pa.float64(), "Part of the labels replaced at random."),
            _field("measured", pa.float64(), "Learnability with these labels."),
            _field("predicted", pa.float64(), "Expected learnability: (1 - fraction)^2 (L - L0) + L0."),
            _field("spread", pa.float64(), "Standard deviation of learnability over such random replacements."),
        ]
    ),
    "held_out": _of_run(
        [
            _field("method", SPLIT, "ridge: linear; quadratic: quadratic discriminant analysis."),
            _field(
                "accuracy",
                pa.float64(),
                "Part of the held-out images whose class is predicted correctly from their scores.",
            ),
            _field("shuffled_accuracy", pa.float64(), "The same with shuffled labels."),
            _field(
                "balanced_accuracy",
                pa.float64(),
                "Mean over the classes of the part of their held-out images whose class is predicted correctly.",
            ),
            _field("shuffled_balanced_accuracy", pa.float64(), "The same with shuffled labels."),
            _field(
                "chance",
                pa.float64(),
                "Accuracy on the held-out images of always naming the most frequent class of those learned from.",
            ),
            _field("majority_rate", pa.float64(), "Part of the images learned from that are of that class."),
            _field("uniform_chance", pa.float64(), "1 over the number of classes learned from."),
            _field(
                "null_accuracy",
                pa.float64(),
                "Larger of majority_rate and uniform_chance, and of chance if another split is held out.",
            ),
            _field("p_value", pa.float64(), "p-value of the exact binomial test of accuracy against null_accuracy."),
            _field("shuffled_p_value", pa.float64(), "The same with shuffled labels."),
            _field("patterns", pa.int32(), "Number of leading patterns that the method uses."),
            _field("learned", pa.int64(), "Number of images learned from."),
            _field("judged", pa.int64(), "Number of held-out images."),
            _field("judged_units", pa.int64(), "Number of independent units among them: groups, or images."),
            _field(
                "clean_accuracy",
                pa.float64(),
                "accuracy without held-out images that are copies, exact or near, of images learned from, and without "
                "those of classes not learned from; null if near-duplicates were not sought, or no image is left.",
            ),
            _field("clean_judged", pa.int64(), "Number of the held-out images that are left."),
            _field("clean_p_value", pa.float64(), "p-value of clean_accuracy, as p_value."),
        ]
    ),
    "learnability": _of_run(
        [
            _field(
                "learnability",
                pa.float64(),
                "Pillai's trace over C - 1: 0 if no variance lies between classes, 1 if all does.",
            ),
            _field("learnability_adjusted", pa.float64(), "Learnability beyond its expectation under no association."),
            _field(
                "learnability_cap",
                pa.float64(),
                "Largest possible learnability: min(k, C - 1) / (C - 1) of k patterns and C classes.",
            ),
            _field(
                "explained_variance",
                pa.float64(),
                "Part of the variance of all coefficients that lies between class means along the patterns, its bias "
                "removed; may be negative. Null if images are grouped.",
            ),
            _field("ci_low", pa.float64(), "Lower end of the 95 % interval of learnability_adjusted."),
            _field("ci_high", pa.float64(), "Upper end of that interval."),
            _field("expected_null", pa.float64(), "Expected learnability under no association."),
            _field("shuffled_mean", pa.float64(), "Mean learnability over the shuffled labels."),
            _field("shuffled_p95", pa.float64(), "95 % quantile of learnability over the shuffled labels."),
            _field("shuffled_max", pa.float64(), "Largest learnability over the shuffled labels."),
            _field("significant_patterns", pa.int32(), "Number of patterns with q < 0.05; null if none can be tested."),
            _field(
                "shuffled_significant_mean",
                pa.float64(),
                "Mean number of patterns with q < 0.05 over the shuffled labels; null if images are grouped.",
            ),
            _field(
                "shuffled_significant_max",
                pa.int32(),
                "Largest number of patterns with q < 0.05 over the shuffled labels; null if images are grouped.",
            ),
            _field("colour_learnability", pa.float64(), "Learnability of the mean color alone."),
            _field(
                "colour_shuffled_max", pa.float64(), "Largest learnability of the mean color over the shuffled labels."
            ),
            _field("heterogeneity", pa.float64(), "Heterogeneity of the classes' variances; 0 if they are equal."),
            _field("heterogeneity_expected", pa.float64(), "Expected heterogeneity if the variances are equal."),
            _field("heterogeneity_shuffled", pa.float64(), "Heterogeneity under shuffled labels."),
            _field("largest_share", pa.float64(), "Largest share of a class along a generalized pattern."),
            _field("largest_share_shuffled", pa.float64(), "The same under shuffled labels."),
            _field("share_agreement", pa.float64(), "Correlation of all shares with those among held-out images."),
            _field("share_agreement_shuffled", pa.float64(), "The same under shuffled labels."),
            _field(
                "replicated_classes",
                pa.int32(),
                "Number of classes whose first pattern has held_out_q_value at most 0.05; null if none can be judged.",
            ),
            _field("judged_classes", pa.int32(), "Number of classes whose first pattern has a held_out_q_value."),
            _field("half_agreement", pa.float64(), "Correlation of all shares between two random halves."),
            _field("half_agreement_shuffled", pa.float64(), "The same under shuffled labels."),
            _field("permutations", pa.int32(), "Number of label shuffles of the control."),
            _field(
                "n", pa.int64(), "Number of fitted images that count; images with the same bytes and label count once."
            ),
            _field("repeats", pa.int64(), "Number of fitted images that repeat one that counts."),
            _field("units", pa.int64(), "Number of independent units among the fitted images: groups, or images."),
            _field(
                "effective_images",
                pa.float64(),
                "Number of independent images that would tell class means as exactly; n unless images are grouped.",
            ),
            _field(
                "leaked",
                pa.int64(),
                "Number of images of other splits that are left out, since a fitted image has their bytes or group.",
            ),
            _field("classes", pa.int32(), "Number of classes with at least one fitted image."),
            _field("rank", pa.int32(), "Number of patterns."),
            _field("compared_patterns", pa.int32(), "Number of leading patterns that second-order measures cover."),
        ]
    ),
    "samples": _of_run(
        [
            *_SAMPLE_FIELDS,
            _CLASS_NAME,
            _field("valid", pa.bool_(), "False if the image was rejected or removed; its rows are NaN."),
            *_JUDGEMENT_FIELDS,
            _field("likely_class_name", CLASS_NAME, "Name of that class."),
            _field("digest", pa.string(), "First 128 bits of the SHA-256 of the stored bytes; null if unreadable."),
        ]
    ),
    "rejects": _of_run(
        [
            *_SAMPLE_FIELDS,
            _CLASS_NAME,
            _field("reason", pa.string(), "Category of the problem, one of a few fixed words."),
            _field("detail", pa.string(), "Exact description of the problem."),
        ]
    ),
}

# Columns that tables of associations share with those of a run.
_FIRST_ORDER = {
    *("pattern", "eta_squared", "eta_squared_low", "eta_squared_high", "omega_squared", "f_statistic", "p_value"),
    *("welch_statistic", "welch_p_value", "brown_forsythe_statistic", "brown_forsythe_p_value", "q_value"),
    *("spread_ratio", "association_rank", "null_eta_squared_max", "null_eta_squared_p95", "null_spread_ratio_max"),
}
_CLEAN = {"clean_accuracy", "clean_judged", "clean_p_value", "run_id"}
_COLUMN = _field("column", CLASS_NAME, "Name of the column that was asked about.")


def _of_column(fields: Iterable[pa.Field]) -> pa.Schema:
    return _of_run([_COLUMN, *fields])


_RANKED = {
    "area": "Area under the receiver operating characteristic on judged images, by ridge regression.",
    "average_precision": "Average precision on them.",
    "precision": "Precision where as many images are named as have the label; so it is recall and F1, too.",
    "accuracy": "Part of all judged images that are right then.",
}
_RANKING = [
    field
    for name, text in _RANKED.items()
    for field in (
        _field(name, pa.float64(), text),
        _field(f"shuffled_{name}", pa.float64(), f"Largest {name.replace('_', ' ')} over shuffled values."),
    )
]


# Tables of what a run's patterns have to do with a network's features; `eigenwave explain` writes them.
_LAYER = _field("layer", CLASS_NAME, "Name of the layer.")
EXPLANATIONS: Mapping[str, pa.Schema] = {
    "explained_layers": _of_run(
        [
            _LAYER,
            _field("features", pa.int32(), "Number of its features."),
            _field("learned", pa.int64(), "Number of images that predictions learn from."),
            _field("judged", pa.int64(), "Number of unseen images that they are judged by."),
            _field("missing", pa.int64(), "Number of valid images without features."),
            _field("unknown_keys", pa.int64(), "Number of rows of the file that name no image of the run."),
            _field(
                "r_squared",
                pa.float64(),
                "Part of the variance of all features together, on unseen images, that ridge regression predicts from "
                "the scores that labels are judged by. Null with fewer than 50 images to learn from or to judge.",
            ),
            _field("shuffled_r_squared", pa.float64(), "The same with the features of other images."),
            _field("control_r_squared", pa.float64(), "The same of the control network; null without."),
            _field(
                "alignment",
                pa.float64(),
                "Linear centered kernel alignment of features and these scores on unseen images.",
            ),
            _field("shuffled_alignment", pa.float64(), "The same with the features of other images."),
            _field("control_alignment", pa.float64(), "The same of the control network; null without."),
            _field(
                "agreement",
                pa.float64(),
                "Part of the unseen images for which the class with the largest feature is the one that is predicted "
                "from the scores. Null unless there is a feature for each class.",
            ),
            _field("agreement_by_chance", pa.float64(), "Agreement by chance, with as many images of each class."),
            _field("accuracy", pa.float64(), "Part of the unseen images whose class has the largest feature."),
            _field("predicted_accuracy", pa.float64(), "The same of the features predicted from the scores."),
        ]
    ),
    "explained_patterns": _of_run(
        [
            _LAYER,
            _field("pattern", pa.int32(), "Number of the pattern."),
            _field(
                "r_squared",
                pa.float64(),
                "R^2 of the pattern's score, on unseen images, by ridge regression on the features.",
            ),
            _field("shuffled_r_squared", pa.float64(), "The same with the features of other images."),
            _field("control_r_squared", pa.float64(), "The same of the control network; null without."),
        ]
    ),
    "explained_images": _of_run(
        [
            _LAYER,
            _field("row", pa.int64(), "Row of the image."),
            _field("key", pa.string(), "Name of the image in its source."),
            _field("network_class", CLASS_NAME, "Class with the largest feature."),
            _field("patterns_class", CLASS_NAME, "Class with the largest feature that is predicted from the scores."),
            _field("agrees", pa.bool_(), "Whether they are the same."),
            _field(
                "residual",
                pa.float64(),
                "Squared error of the predicted features, over the mean squared deviation of features from their mean. "
                "0: the patterns say what the network says. On average 1 - R^2 of the layer; null if features do not "
                "vary.",
            ),
        ]
    ),
}

# Tables of what a run's patterns have to do with a column; `eigenwave associate` writes them, beside the runs.
ASSOCIATIONS: Mapping[str, pa.Schema] = {
    "column_summary": _of_column(
        [
            _field("source", pa.string(), "Where its values come from: dataset, property, or table and a file."),
            _field("kind", pa.string(), "How it was taken: categorical, number, date, or labels."),
            _field("images", pa.int64(), "Number of fitted images with a value that count."),
            _field("missing", pa.int64(), "Number of valid images without a value, of all splits; they are left out."),
            _field("unknown_keys", pa.int64(), "Number of rows of the file whose key no image of the run has."),
            _field(
                "values",
                pa.int64(),
                "Number of different values among the fitted images that count; of labels, among all images.",
            ),
            _field(
                "learnability",
                pa.float64(),
                "Share of the separation of the scores: as in the table learnability, with the values as classes. Of "
                "numbers and dates R^2 of the linear fit to all scores; of labels its mean over labels.",
            ),
            _field("learnability_adjusted", pa.float64(), "Learnability beyond its expectation under no association."),
            _field("learnability_cap", pa.float64(), "Largest possible learnability, as in the table learnability."),
            _field("ci_low", pa.float64(), "Lower end of the 95 % interval of learnability_adjusted."),
            _field("ci_high", pa.float64(), "Upper end of that interval."),
            _field("learnability_shuffled", pa.float64(), "Mean learnability over shuffled values."),
            _field("learnability_shuffled_max", pa.float64(), "Largest learnability over shuffled values."),
            _field(
                "p_value",
                pa.float64(),
                "Part of all shuffles, and the true values among them, that have at least this learnability.",
            ),
            _field("significant_patterns", pa.int32(), "Number of patterns with q < 0.05; null if none can be tested."),
            _field(
                "held_out",
                pa.float64(),
                "Accuracy of the quadratic classifier: see column_held_out. Of numbers and dates R^2 of ridge "
                "regression; of labels the mean area under the curve: see column_averages.",
            ),
            _field("held_out_balanced", pa.float64(), "Its balanced accuracy."),
            _field(
                "held_out_shuffled",
                pa.float64(),
                "Its accuracy under shuffled values; of other kinds than categories, the largest of all shuffles.",
            ),
            _field("majority", pa.float64(), "Part of the images learned from that have their most frequent value."),
            _field(
                "chance",
                pa.float64(),
                "Accuracy by chance: null_accuracy in column_held_out. Of numbers and dates 0, of labels 0.5.",
            ),
            _field(
                "held_out_p_value",
                pa.float64(),
                "p-value of held_out against chance; of other kinds than categories, part of all shuffles, and the "
                "true values among them, that have at least this value.",
            ),
        ]
    ),
    "column_values": _of_column(
        [
            _field("value", pa.string(), "The value."),
            _field("images", pa.int64(), "Number of fitted images with it that count."),
            _field("judged", pa.int64(), "Number of held-out images with it that were judged."),
            _field(
                "held_out",
                pa.float64(),
                "Part of them that the quadratic classifier predicts; null without any. Of labels: precision.",
            ),
            _field(
                "patterns",
                pa.list_(pa.int32()),
                "Patterns on which the value stands out most from all others, first the largest.",
            ),
            _field(
                "cohens_d", pa.list_(pa.float64()), "On each of them, mean minus mean of all others, in deviations."
            ),
            _field(
                "r_squared",
                pa.float64(),
                "R^2 of the linear fit of a label, as 1 or 0, to all scores; null with fewer than 10 images with or "
                "without the label, and for other kinds than labels, as all columns below.",
            ),
            _field("shuffled_r_squared", pa.float64(), "Largest R^2 over shuffled values."),
            *_RANKING,
        ]
    ),
    "column_averages": _of_column(
        [
            _field("average", CLASS_NAME, "macro: mean over labels; micro: all pairs of image and label together."),
            _field(
                "labels",
                pa.int32(),
                "Number of labels that at least 10 judged images have, and 10 lack; only these count.",
            ),
            *_RANKING,
            *(
                _field(f"{name}_p_value", pa.float64(), f"Part of all shuffles, and the true labels, with this {name}.")
                for name in _RANKED
            ),
        ]
    ),
    "column_patterns": _of_column(
        [
            *(field for field in TABLES["patterns"] if field.name in _FIRST_ORDER),
            _field(
                "top_value",
                CLASS_NAME,
                "Value with the largest magnitude of Cohen's d, or label with the largest correlation; null if none.",
            ),
            _field(
                "correlation",
                pa.float64(),
                "Pearson's correlation of scores with a number, or with the label top_value as 1 or 0. p_value and "
                "q_value then belong to it, and association_rank goes by it. Null for categories.",
            ),
            _field(
                "null_correlation_max",
                pa.float64(),
                "Largest magnitude of correlation over shuffled values, and over labels.",
            ),
        ]
    ),
    "column_held_out": _of_column(
        [
            *(field for field in TABLES["held_out"] if field.name not in _CLEAN),
            _field(
                "left_out",
                pa.int64(),
                "Number of held-out images that were not judged, since they are copies, exact or near, of images "
                "learned from, or have a value that was not learned from.",
            ),
            _field(
                "r_squared",
                pa.float64(),
                "R^2 of ridge regression of numbers on judged images; of labels its mean. Null for categories.",
            ),
            _field("shuffled_r_squared", pa.float64(), "Largest R^2 over shuffled values."),
        ]
    ),
    "column_shortcuts": _of_column(
        [
            _field(
                "verdict",
                pa.string(),
                "Whether the column is a shortcut to the class: confounded, inflated, separable but harmless, clean, "
                "or cannot say. docs/algorithms.md has the rules.",
            ),
            _field("images", pa.int64(), "Number of fitted images with a value and a class that count."),
            _field(
                "values", pa.int32(), "Number of values that were compared; numbers and dates are cut at quintiles."
            ),
            _field("joined", pa.int32(), "Number of rarer values that were joined into one of them."),
            _field("cramers_v", pa.float64(), "Cramer's V of value and class, corrected for bias (Bergsma, 2013)."),
            _field("cramers_v_shuffled", pa.float64(), "Largest of shuffled classes."),
            _field(
                "p_value", pa.float64(), "Part of all shuffles, and the true classes among them, with at least this V."
            ),
            _field("told", pa.float64(), "Accuracy of the most frequent class of a value in the other four fifths."),
            _field("told_balanced", pa.float64(), "Its balanced accuracy."),
            _field("majority", pa.float64(), "Part of the images that have the most frequent class."),
            _field(
                "auc",
                pa.float64(),
                "Of numbers and dates: chance that an image of a class has a larger one than another, for the class "
                "for which it is farthest from a half.",
            ),
            _field("auc_class", CLASS_NAME, "That class."),
            _field("auc_shuffled", pa.float64(), "Largest of shuffled classes, above or below a half."),
            _field(
                "readable",
                pa.float64(),
                "Held-out balanced accuracy at which the value is read from the patterns within each class.",
            ),
            _field("readable_low", pa.float64(), "Lower end of its 95 % interval."),
            _field("readable_high", pa.float64(), "Upper end."),
            _field("readable_chance", pa.float64(), "The same by chance."),
            _field("readable_shuffled", pa.float64(), "Largest with values shuffled within classes."),
            _field("separable", pa.float64(), "Part of the images with a value and a class that can be distinguished."),
            _field("accuracy", pa.float64(), "Held-out accuracy at which the patterns predict the class."),
            _field("accuracy_without", pa.float64(), "The same if no image of the same value was learned from."),
            _field(
                "loss", pa.float64(), "Accuracy without as many random images of each class, less accuracy_without."
            ),
            _field("loss_low", pa.float64(), "Lower end of its 95 % interval."),
            _field("loss_high", pa.float64(), "Upper end."),
            _field("worst_value", pa.string(), "The value with the largest loss."),
            _field("worst_loss", pa.float64(), "Its loss."),
            _field(
                "inflation", pa.float64(), "Accuracy less what it would be if each value had the same parts of classes."
            ),
            _field("inflation_low", pa.float64(), "Lower end of its 95 % interval."),
            _field("inflation_high", pa.float64(), "Upper end."),
            _field("class_given_column", pa.float64(), "Learnability of the class beside the column."),
            _field("class_given_column_expected", pa.float64(), "Its expectation under no association."),
            _field("column_given_class", pa.float64(), "Learnability of the column beside the class."),
            _field("column_given_class_expected", pa.float64(), "Its expectation under no association."),
            _field("patterns", pa.list_(pa.int32()), "Patterns that show the column most within classes."),
            _field(
                "eta_squared", pa.list_(pa.float64()), "Part of the variance within classes that it explains there."
            ),
        ]
    ),
    "column_losses": _of_column(
        [
            _field("value", pa.string(), "The value."),
            _field("images", pa.int64(), "Number of fitted images with it and a class that count."),
            _field("judged", pa.int64(), "Number of them whose class enough images of other values have."),
            _field(
                "loss", pa.float64(), "Loss of the judges of the class on them if the value is left out; null without."
            ),
            _field("loss_low", pa.float64(), "Lower end of its 95 % interval."),
            _field("loss_high", pa.float64(), "Upper end."),
        ]
    ),
}

# The columns of the table `columns`, before those of the dataset. Only datasets that have such columns have the table.
COLUMNS = pa.schema([*_SAMPLE_FIELDS[:2], _RUN_ID])

# Tables that compare two runs. `eigenwave compare` writes them, and a run does for itself and the run before.
COMPARISONS: Mapping[str, pa.Schema] = {
    "compared_patterns": pa.schema(
        [
            _field("pattern", pa.int32(), "Number of the pattern of the first run."),
            _field(
                "principal_angle", pa.float64(), "Principal angle of the pattern spaces in degrees, in ascending order."
            ),
            _field("psi", pa.float64(), "Population stability index of the scores on this pattern, in ten bins."),
            _field("eta_squared_before", pa.float64(), "Eta squared of the first run's images on this pattern."),
            _field("eta_squared_after", pa.float64(), "Eta squared of the second run's images on the same pattern."),
            _field("eta_squared_change", pa.float64(), "eta_squared_after minus eta_squared_before."),
            _field("change_low", pa.float64(), "Lower end of the 95 % interval of the change."),
            _field("change_high", pa.float64(), "Upper end of that interval."),
        ]
    ),
    "compared_images": pa.schema(
        [
            _field("key", pa.string(), "Name of the image in its source."),
            _field("change", pa.string(), "added, removed, changed, relabelled, or renamed."),
        ]
    ),
    "compared_classes": pa.schema(
        [
            _field("class_name", pa.string(), "Name of the class."),
            _field(
                "images_before",
                pa.int64(),
                "Number of its fitted images in the first run; null if that has no such class.",
            ),
            _field(
                "images_after",
                pa.int64(),
                "Number of its fitted images in the second run; null if that has no such class.",
            ),
        ]
    ),
    "compared_runs": pa.schema(
        [
            _field(
                "learnability_drop", pa.float64(), "Adjusted learnability of the first run minus that of the second."
            ),
            _field("learnability_drop_low", pa.float64(), "Lower end of the 95 % interval of the drop."),
            _field("learnability_drop_high", pa.float64(), "Upper end of that interval."),
            _field("largest_angle", pa.float64(), "Largest principal angle of the pattern spaces, in degrees."),
            _field("largest_psi", pa.float64(), "Largest population stability index over the patterns."),
            _field("largest_eta_squared_drop", pa.float64(), "Largest drop of eta squared over the patterns."),
            _field("new_classes", pa.int32(), "Number of classes that only the second run has."),
            _field("vanished_classes", pa.int32(), "Number of classes that only the first run has."),
            _field("added_images", pa.int64(), "Number of images whose name and bytes only the second run has."),
            _field("removed_images", pa.int64(), "Number of images whose name and bytes only the first run has."),
            _field("changed_images", pa.int64(), "Number of images with the same name and other bytes."),
            _field("relabelled_images", pa.int64(), "Number of images with the same bytes and another class."),
            _field("renamed_images", pa.int64(), "Number of images with the same bytes and class and another name."),
            _field(
                "suspect_fraction",
                pa.float64(),
                "Part of the second run's judged images that are listed as wrong labels.",
            ),
            _field("new_issues", pa.int64(), "Number of issues of the second run that the first does not have."),
            _field(
                "leaked_fraction",
                pa.float64(),
                "Part of the second run's images of other splits that are copies, exact or near, of fitted images. "
                "Null without another split, or if near-duplicates were not sought.",
            ),
            _field(
                "duplicate_fraction",
                pa.float64(),
                "Part of the second run's images that are copies of others; null if near-duplicates were not sought.",
            ),
            _field(
                "conflicts",
                pa.int64(),
                "Number of the second run's pairs of copies with different labels; null if near-duplicates were not "
                "sought.",
            ),
        ]
    ),
}

# The stamps of a finished run's files when it read them, and the digests of its images; one batch per shard.
_STAMP = _field("stamp", STAMP, "Stamp that changes if the bytes do; null if only reading shows a change.")
_DIGEST = _field("digest", pa.binary(DIGEST_BYTES), "As in samples.")
SEEN = pa.schema([_STAMP, _DIGEST])

# Intermediate state, removed when a run is sealed: the judgement of samples and their listing, one batch per shard, and
# the outcome of the transform for one shard.
JUDGEMENT = pa.schema(
    [
        *_JUDGEMENT_FIELDS,
        _field("label_logarithm", pa.float64(), "Log-probability of the label, which suspects are ordered by."),
        *_PROBABILITY_FIELDS,
    ]
)
_SAMPLE_ID = _field("sample_id", pa.uint64(), "Hash of the key.")
LISTING = pa.schema(
    [
        *_SAMPLE_FIELDS,
        _field("offset", pa.int64(), "Position of the sample in its file; null if its key is enough."),
        _field("length", pa.int64(), "Size of the sample there, in bytes."),
        _STAMP,
        _SAMPLE_ID,
        _field("group", pa.uint64(), "Hash of the image's group; null if the dataset names no groups."),
    ]
)
PART = pa.schema(
    [
        *(field for field in _SAMPLE_FIELDS if field.name in {"class_id", "split"}),
        _SAMPLE_ID,
        _STAMP,
        _DIGEST,
        _field("reason", pa.string(), "As in rejects; null for a valid image."),
        _field("detail", pa.string(), "As in rejects."),
    ]
)

# The unit of each image, one batch per shard.
UNITS = pa.schema(
    [
        _field("unit", pa.uint64(), "Id of the unit that the image belongs to: its group, or its bytes."),
        _field("counted", pa.bool_(), "Whether statistics count the image."),
        _field("learned", pa.bool_(), "Whether patterns are fitted on an image of the unit."),
        _field("represented", pa.bool_(), "Whether statistics count the image, or one with its bytes and label."),
        _field("shuffled", pa.list_(pa.int32()), "Class under each permutation; null if it follows from the unit."),
    ]
)

# The copies of each image, one batch per shard.
COPIES = pa.schema(
    [
        _field("group", pa.int64(), "As in near_duplicates; null for an image without copies."),
        _field("duplicate", pa.bool_(), "Whether it is in a group and not the first of it."),
        _field("conflict", pa.bool_(), "Whether it is in a pair with different labels."),
        _field("leaked", pa.bool_(), "Whether it is of another split, and a copy of a fitted image."),
        _field("learned", pa.bool_(), "Whether it is a copy of an image that held-out checks learn from."),
    ]
)
# Class of a row whose image was removed from the dataset, and of one whose image has no label.
REMOVED, UNLABELLED = -1, -2

# A row for each run of a series, which `eigenwave history` shows. It is computed when asked for, and kept nowhere.
HISTORY = pa.schema(
    [
        _field("run_id", pa.string(), "Run."),
        _field("created", pa.timestamp("s", "UTC"), "When it was sealed."),
        _field("images", pa.int64(), "Number of its images."),
        _field("learnability_adjusted", pa.float64(), "Learnability beyond its expectation under no association."),
        _field("ci_low", pa.float64(), "Lower end of its 95 % interval."),
        _field("ci_high", pa.float64(), "Upper end of that interval."),
        _field("accuracy", pa.float64(), "Accuracy of the quadratic classifier on images that it did not learn from."),
        _field("wrong_labels", pa.int64(), "Number of labels that are listed as probably wrong."),
        _field(
            "leaked",
            pa.int64(),
            "Number of images of other splits that are copies, exact or near, of fitted images. Null without another "
            "split, or if near-duplicates were not sought.",
        ),
        _field(
            "new_issues",
            pa.int64(),
            "Number of issues that the run before does not have; of an audit, that nobody decided either. Null without "
            "a run before.",
        ),
        _field("before", pa.string(), "Run that it was compared with; null if there was none."),
        _field(
            "gates",
            pa.list_(pa.string()),
            "Gates of its audit; null if it was no audit, or one of a version that kept no gates.",
        ),
        _field(
            "failed_gates",
            pa.list_(pa.string()),
            "Those of them that it failed; null if nothing was compared.",
        ),
    ]
)
