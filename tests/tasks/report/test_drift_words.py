import pyarrow as pa
import pytest

from tasks.report.drift_words import drift_checks, drift_headline, examples_of

SAME = {
    "learnability_drop": 0.001,
    "learnability_drop_low": -0.002,
    "learnability_drop_high": 0.004,
    **dict.fromkeys(("added_images", "removed_images", "changed_images", "relabelled_images"), 0),
}
PATTERN = {
    "pattern": 0,
    "principal_angle": 1.0,
    "psi": 0.01,
    "eta_squared_change": -0.01,
    "change_low": -0.02,
    "change_high": 0.01,
}
KEPT = {"class_name": "cat", "images_before": 5, "images_after": 6}
CHANGED = pa.table(
    {
        "key": ["e.png", *(f"{name}.png" for name in "abcd"), "f.png"],
        "change": ["relabelled", *["added"] * 4, "relabelled"],
    }
)
EXAMPLES = examples_of(CHANGED)


def test_what_is_as_before_is_no_change():
    found = drift_checks(SAME, [PATTERN], [KEPT], EXAMPLES)
    assert all(check.passed for check in found)
    assert drift_headline(found) == "Nothing changed"
    assert found[0].evidence == "It changed by −0.1 points (95 % interval −0.4 to +0.2)."  # noqa: RUF001


@pytest.mark.parametrize(
    ("changed", "claim"),
    [
        (
            {"learnability_drop": 0.03, "learnability_drop_low": 0.01, "learnability_drop_high": 0.05},
            "Learnability fell",
        ),
        (
            {"learnability_drop": -0.03, "learnability_drop_low": -0.05, "learnability_drop_high": -0.01},
            "Learnability rose",
        ),
        ({"learnability_drop": None}, "Learnability cannot be compared"),
        ({"added_images": 1234, "relabelled_images": 2}, "Images changed"),
    ],
)
def test_changes_of_the_whole(changed, claim):
    found = drift_checks(SAME | changed, [PATTERN], [KEPT], EXAMPLES)
    assert [check.claim for check in found if not check.passed] == [claim]
    assert drift_headline(found) == claim
    if claim == "Images changed":
        assert found[4].evidence == (
            "1,234 added: a.png, b.png, c.png and others. 2 relabelled: e.png, f.png. "
            "The table compared_images has all."
        )


@pytest.mark.parametrize(
    ("changed", "claim"),
    [
        ({"psi": 0.3}, "Images have other amounts of the patterns"),
        ({"principal_angle": 40.0}, "Patterns turned"),
        ({"change_high": -0.005}, "3 patterns tell less of the classes"),
        ({"change_high": None}, "Association cannot be compared"),
    ],
)
def test_changes_of_patterns(changed, claim):
    found = drift_checks(SAME, [PATTERN | changed | {"pattern": j} for j in range(3)], [KEPT], EXAMPLES)
    assert [check.claim for check in found if not check.passed] == [claim]


def test_one_interval_below_zero_is_what_chance_gives():
    found = drift_checks(SAME, [PATTERN, PATTERN | {"change_high": -0.001}], [KEPT], EXAMPLES)
    assert all(check.passed for check in found)
    assert "on 1 of 2, chance gives 0.05" in found[1].evidence


def test_classes_that_came_and_went_are_named():
    came = [{"class_name": f"new {j}", "images_before": None, "images_after": 1} for j in range(7)]
    went = {"class_name": "old", "images_before": 3, "images_after": None}
    found = drift_checks(SAME, [PATTERN], [KEPT, *came, went], EXAMPLES)
    assert [(check.claim, check.evidence) for check in found[5:]] == [
        ("7 classes are new", "new 0, new 1, new 2, new 3, new 4 and others."),
        ("1 class is gone", "old."),
    ]
    assert drift_headline(found) == "7 classes are new, 1 class is gone"


def test_without_labels_association_is_not_compared():
    found = drift_checks(SAME, [PATTERN | {"eta_squared_before": 0.0, "eta_squared_after": 0.0}], [KEPT], EXAMPLES)
    assert [check.claim for check in found if check.passed is None] == ["Association cannot be compared"]
