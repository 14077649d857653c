import pytest

from tasks.report.checks import checks, complete, exact

ROW = {
    "learnability": 0.11,
    "ci_low": 0.108,
    "ci_high": 0.112,
    "shuffled_max": 0.0014,
    "colour_learnability": 0.045,
    "share_agreement": 0.98,
    "share_agreement_shuffled": -0.02,
    "permutations": 20,
}
EARLIER = {"method": "ridge", "accuracy": 0.38, "chance": 0.1, "patterns": 64, "judged": 10_000}
HELD_OUT = [
    EARLIER
    | {"balanced_accuracy": 0.37, "majority_rate": 0.11, "uniform_chance": 0.1, "null_accuracy": 0.11, "p_value": 1e-9},
    EARLIER
    | {"method": "quadratic", "accuracy": 0.49, "judged": 1000}
    | {"balanced_accuracy": 0.48, "majority_rate": 0.11, "uniform_chance": 0.1, "null_accuracy": 0.11, "p_value": 0.0},
]
NOISE = [{"fraction": 0.5, "measured": 0.0285, "predicted": 0.0284}]
ABOVE, CHANCE = "of unseen images are classified right", "Unseen images are classified no better than by chance"


def passed(found):
    return {check.claim: check.passed for check in found}


def test_a_sound_result_passes_every_check():
    assert passed(checks(ROW, HELD_OUT, NOISE)) == {
        "Labels explain 79 times as much as shuffled labels": True,
        "49 % of unseen images are classified right": True,
        "Class patterns come back in unseen images": True,
        "It is more than mean colour": True,
        "It falls with label noise as it should": True,
    }


def test_what_is_no_better_than_chance_fails():
    row = ROW | {"learnability": 0.0013, "share_agreement": 0.1}
    held_out = [HELD_OUT[0] | {"accuracy": 0.105, "p_value": 0.3}]
    assert passed(checks(row, held_out, [])) == {
        "Labels explain no more than shuffled labels": False,
        CHANCE: False,
        "Class patterns do not come back in unseen images": False,
    }


def test_the_better_of_two_classifiers_pays_for_the_choice():
    assert passed(checks(ROW, [HELD_OUT[0] | {"p_value": 0.03}], []))[f"38 % {ABOVE}"] is True
    assert passed(checks(ROW, [row | {"p_value": 0.03} for row in HELD_OUT], []))[CHANCE] is False


@pytest.mark.parametrize(
    ("right", "judged", "majority", "claim", "mark"),
    [
        (206, 206, 1000 / 1020, f"100 % {ABOVE}", True),
        (201, 206, 1000 / 1020, CHANCE, False),
        (150, 150, 1000 / 1020, "Too few unseen images to check the classes", None),
        (60, 100, 0.5, CHANCE, False),
        (62, 100, 0.5, f"62 % {ABOVE}", True),
    ],
)
def test_accuracy_is_held_against_the_most_frequent_class(right, judged, majority, claim, mark):
    """Runs of earlier versions have no p-value: it is computed for them from what they have."""
    rows = [
        EARLIER | {"method": method, "accuracy": right / judged, "chance": majority, "judged": judged}
        for method in ("ridge", "quadratic")
    ]
    assert passed(checks(ROW, rows, []))[claim] is mark


def test_both_ways_of_guessing_are_named():
    (found,) = (check for check in checks(ROW, HELD_OUT[:1], []) if ABOVE in check.claim)
    assert found.evidence.startswith(
        "A linear classifier of 64 patterns is right on 3,800 of 10,000 images held out (37 % if every class counts "
        "alike); always naming the most frequent class is right on 11 %, a guess on 10 %."
    )


def test_colour_alone_is_said_and_noise_off_its_law_fails():
    found = checks(ROW | {"colour_learnability": 0.1}, [], [NOISE[0] | {"measured": 0.05}])
    assert passed(found)["Much of it is mean colour"] is None
    assert passed(found)["It does not fall with label noise as it should"] is False


def test_what_is_not_known_is_left_out():
    assert checks(dict.fromkeys(ROW), [HELD_OUT[0] | {"accuracy": None}], []) == []


def test_checks_show_their_limits():
    evidence = " ".join(check.evidence for check in checks(ROW, HELD_OUT, NOISE))
    assert "correlate by 0.98, −0.02 with shuffled labels; 0.5 is asked for." in evidence  # noqa: RUF001
    assert "differ by at most 0.01 points; 0.33 are allowed." in evidence
    assert "alone explain 4.5 %, 40.9 % of it." in evidence
    assert exact(0.0019, 0.01).evidence == "Their largest relative residual is 0.19 %; 1 % is allowed."


def test_images_set_aside_are_reported():
    assert complete(0, 10).passed is True
    assert complete(2, 10).claim == "2 of 10 images were set aside"
