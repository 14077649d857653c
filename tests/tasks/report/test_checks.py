import pytest

from tasks.report.checks import Check, checks, complete, exact, worst_first

ROW = {
    "learnability": 0.11,
    "ci_low": 0.108,
    "ci_high": 0.112,
    "shuffled_max": 0.0014,
    "colour_learnability": 0.045,
    "replicated_classes": 9,
    "judged_classes": 10,
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
NOISE = [
    {"fraction": 0.5, "measured": 0.0285, "predicted": 0.0284, "spread": 0.0005},
    {"fraction": 0.9, "measured": 0.0021, "predicted": 0.0024, "spread": 0.0002},
]
FALLS, FALLS_NOT = "It falls with label noise as it should", "It does not fall with label noise as it should"
NOT_BACK = "Class patterns do not come back in unseen images"
ABOVE, CHANCE = "of unseen images are classified right", "Unseen images are classified no better than by chance"


def passed(found):
    return {check.claim: check.passed for check in found}


def test_a_sound_result_passes_every_check():
    assert passed(checks(ROW, HELD_OUT, NOISE)) == {
        "Labels explain 79 times as much as shuffled labels": True,
        "49 % of unseen images are classified right": True,
        "Class patterns come back in unseen images": True,
        "It is more than mean color": True,
        "It falls with label noise as it should": True,
    }


def test_what_is_no_better_than_chance_fails():
    row = ROW | {"learnability": 0.0013, "replicated_classes": 0}
    held_out = [HELD_OUT[0] | {"accuracy": 0.105, "p_value": 0.3}]
    assert passed(checks(row, held_out, [])) == {
        "Labels explain no more than shuffled labels": False,
        CHANCE: False,
        "Class patterns do not come back in unseen images": False,
    }


def test_copies_of_images_learned_from_are_not_counted():
    honest = {"clean_judged": 100, "clean_accuracy": 0.2, "clean_p_value": 0.3}
    found = checks(ROW, [row | honest for row in HELD_OUT], [])
    (check,) = [check for check in found if check.claim == CHANCE]
    assert check.passed is False
    assert "right on 20 of 100 images held out. " in check.evidence
    assert (
        "9,900 copies of images learned from, or images of classes not learned from; with them it would be 38 %"
        in check.evidence
    )
    same = checks(
        ROW, [row | {"clean_judged": row["judged"], "clean_accuracy": row["accuracy"]} for row in HELD_OUT], []
    )
    assert same == checks(ROW, HELD_OUT, [])


def test_if_all_held_out_images_are_copies_nothing_is_known():
    none = {"clean_judged": 0, "clean_accuracy": None, "clean_p_value": None}
    found = passed(checks(ROW, [row | none for row in HELD_OUT], []))
    assert found["No unseen image is left to check the classes"] is None


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
        "alike). Naming the most frequent class is right on 11 %, a guess on 10 %."
    )


def test_colour_alone_is_said_and_noise_off_its_law_fails():
    found = checks(ROW | {"colour_learnability": 0.1}, [], [NOISE[0] | {"measured": 0.032}])
    assert passed(found)["Much of it is mean color"] is None
    assert passed(found)["It does not fall with label noise as it should"] is False


def test_what_is_not_known_is_left_out():
    assert checks(dict.fromkeys(ROW), [HELD_OUT[0] | {"accuracy": None}], []) == []


def test_checks_show_their_limits():
    evidence = " ".join(check.evidence for check in checks(ROW, HELD_OUT, NOISE))
    assert "9 of 10 classes vary more than the others along their own pattern in held-out images too (q ≤" in evidence
    assert "differ by 0.03 points where 0.33 are allowed, the most of 2 noise levels." in evidence
    assert "alone explain 4.5 %, 40.9 % of it." in evidence
    assert exact(0.0019, 0.01).evidence == "Their largest relative residual is 0.19 %; 1 % is allowed."


def test_images_set_aside_are_reported():
    assert complete(0, 10, all_differ=True).passed is True
    assert complete(2, 10, all_differ=True).claim == "2 of 10 images were set aside"


def test_a_point_may_be_off_by_its_own_spread():
    """Of two noise levels each has 2.24 deviations, and 3 % of learnability at least."""
    wide = NOISE[0] | {"spread": 0.002}
    assert passed(checks(ROW, [], [wide | {"measured": 0.0284 + 0.0044}, NOISE[1]]))[FALLS] is True
    assert passed(checks(ROW, [], [wide | {"measured": 0.0284 + 0.0046}, NOISE[1]]))[FALLS_NOT] is False
    assert passed(checks(ROW, [], [NOISE[0], NOISE[1] | {"measured": 0.0024 + 0.0034}]))[FALLS_NOT] is False


def test_noise_is_not_judged_without_an_association_or_a_spread():
    for row, noise in ((ROW | {"learnability": 0.001}, NOISE), (ROW, [{**NOISE[0], "spread": None}])):
        assert not {FALLS, FALLS_NOT} & passed(checks(row, [], noise)).keys()


def test_classes_that_differ_by_means_alone_need_no_pattern_of_their_own():
    assert passed(checks(ROW | {"replicated_classes": 0}, [], []))[NOT_BACK] is None
    assert passed(checks(ROW | {"replicated_classes": 0, "learnability": 0.001}, [], []))[NOT_BACK] is False
    earlier = {name: value for name, value in ROW.items() if name not in {"replicated_classes", "judged_classes"}}
    assert not any("come back" in claim for claim in passed(checks(earlier, [], [])))


def shifted(**changed):
    row = {"pattern": 0, "held_out_mean_shift": 0.0, "held_out_variance_ratio": 1.0, "held_out_shift_p_value": 0.5}
    return [row | {"pattern": number} | (changed if number == 2 else {}) for number in range(4)]


@pytest.mark.parametrize(
    ("changed", "mark"),
    [
        ({}, True),
        ({"held_out_mean_shift": -0.5, "held_out_shift_p_value": 1e-4}, None),
        ({"held_out_variance_ratio": 0.7, "held_out_shift_p_value": 1e-4}, None),
        ({"held_out_variance_ratio": None, "held_out_mean_shift": 0.3, "held_out_shift_p_value": 1e-4}, None),
        ({"held_out_mean_shift": 0.5, "held_out_shift_p_value": 0.02}, True),  # chance: 4 patterns were looked at
        ({"held_out_mean_shift": 0.05, "held_out_shift_p_value": 1e-9}, True),  # certain, and small
    ],
)
def test_a_split_shift_is_a_warning_if_it_is_neither_chance_nor_small(changed, mark):
    (found,) = (check for check in checks(ROW, [], [], shifted(**changed)) if "Unseen images" in check.claim)
    assert found.passed is mark
    assert ("On 1 of 4 patterns" in found.evidence) is (mark is None)


def test_without_another_split_there_is_no_shift_to_see():
    unknown = [row | {"held_out_shift_p_value": None} for row in shifted()]
    assert not any("Unseen images" in check.claim for check in checks(ROW, [], [], unknown))


def test_checks_that_failed_come_first():
    found = [Check(passed, str(number), "") for number, passed in enumerate((True, None, False, True, False))]
    assert [check.claim for check in worst_first(*found)] == ["2", "4", "1", "0", "3"]
