import pytest

from tasks.report.column_words import counts, sentence

ROW = {
    "column": "site",
    "kind": "categorical",
    "source": "dataset",
    "images": 1200,
    "values": 4,
    "missing": 0,
    "unknown_keys": 0,
    "learnability": 0.3,
    "learnability_shuffled_max": 0.01,
    "held_out": 0.71,
    "held_out_shuffled": 0.24,
    "chance": 0.25,
    "held_out_p_value": 1e-9,
}
DIFFER = "The patterns differ between the values of `site` (learnability {} %, shuffled at most 1 %)"
NO_SIGN = {"learnability": 0.009, "held_out": 0.26, "held_out_p_value": 0.4}


NUMBER = {"kind": "number", "held_out": 0.4, "held_out_shuffled": -0.00001, "chance": 0.0, "held_out_p_value": 0.05}
LABELS = {"kind": "labels", "held_out": 0.71234, "held_out_shuffled": 0.52, "chance": 0.5, "held_out_p_value": 0.05}
AREA = "the area under the curve of unseen images is 0.712, a mean over labels"
GOES = "The patterns go with `site` (they explain 30 % of its variance, shuffled at most 1 %)"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {},
            "The patterns predict `site`: 71 % of unseen images get their right value (by chance 25 %, shuffled 24 %).",
        ),
        (
            NO_SIGN,
            "We found no sign of `site` in the patterns: 26 % of unseen images get their right value, by chance 25 %.",
        ),
        (
            NO_SIGN | {"learnability": 0.02},
            f"{DIFFER.format(2)}, but do not predict it: 26 % of unseen images get their right value, by chance 25 %.",
        ),
        (
            {"held_out": None, "held_out_p_value": None},
            f"{DIFFER.format(30)}; there are too few unseen images to predict it for.",
        ),
        (
            {"learnability": None, "held_out": None, "held_out_p_value": None},
            "We found no sign of `site` in the patterns; there are too few unseen images to predict it for.",
        ),
        (NUMBER, "The patterns predict `site`: R² on unseen images is 0.400 (shuffled at most 0.000)."),
        (NUMBER | {"held_out": -0.1}, f"{GOES}, but do not predict it: R² on unseen images is -0.100."),
        (
            NUMBER | {"held_out": None, "held_out_shuffled": None},
            f"{GOES}; there are too few unseen images to predict it for.",
        ),
        (
            NUMBER | {"held_out": -0.1, "learnability": 0.001},
            "We found no sign of `site` in the patterns: R² on unseen images is -0.100.",
        ),
        (
            LABELS,
            f"The patterns predict `site`: {AREA} (by chance 0.5, shuffled at most 0.520).",
        ),
    ],
)
def test_a_sentence_says_what_was_found(changed, expected):
    assert sentence(ROW | changed) == expected


def test_what_was_left_out_is_counted():
    begin = "categorical, dataset: 1,200 fitted images with 4 values"
    assert counts(ROW) == f"{begin}."
    assert counts(ROW | {"kind": "labels"}) == "labels, dataset: 1,200 fitted images with 4 labels."
    left_out = "3 images without a value were left out; 2 rows name no image of the run"
    assert counts(ROW | {"missing": 3, "unknown_keys": 2}) == f"{begin}; {left_out}."
