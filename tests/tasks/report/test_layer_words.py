import pytest

from tasks.report.layer_words import layer_counts, layer_sentence

ROW = {
    "layer": "logits",
    "features": 10,
    "learned": 4_000,
    "judged": 1_000,
    "missing": 0,
    "unknown_keys": 0,
    "r_squared": 0.765,
    "shuffled_r_squared": -0.001,
    "control_r_squared": None,
    "alignment": 0.41,
    "shuffled_alignment": 0.02,
    "agreement": None,
    "agreement_by_chance": None,
}
BOTH = (
    "The patterns predict 76.5 % of the variance of `logits` on unseen images (shuffled 0 %, control 40 %). They name "
    "the same class as the network for 61 % of unseen images (by chance 10 %)."
)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "The patterns predict 76.5 % of the variance of `logits` on unseen images (shuffled 0 %)."),
        (
            {"control_r_squared": 0.4, "agreement": 0.61, "agreement_by_chance": 0.1},
            BOTH,
        ),
        ({"r_squared": -0.0004}, "The patterns predict nothing of `logits`: R² on unseen images is 0.000."),
        (
            {"r_squared": 0.01, "shuffled_r_squared": 0.02},
            "The patterns predict nothing of `logits`: R² on unseen images is 0.010.",
        ),
        (
            {"r_squared": None},
            "Nothing can be said of `logits`: fewer than 50 images to learn from, or to judge, have features.",
        ),
    ],
)
def test_what_is_said_of_a_layer(changed, expected):
    assert layer_sentence(ROW | changed) == expected


def test_images_without_features_are_counted():
    assert "1,000 unseen. Centered kernel alignment 0.410, shuffled 0.020." in layer_counts(ROW)
    counted = layer_counts(ROW | {"missing": 7, "unknown_keys": 2})
    assert "1,000 unseen; 7 images have none; 2 rows name no image of the run." in counted
