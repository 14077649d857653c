import pytest

from tasks.report.copies import copy_checks

ROW = {
    "near_pairs": 0,
    "mirrored_pairs": 0,
    "groups": 0,
    "largest_group": 0,
    "duplicates": 0,
    "duplicate_fraction": 0.0,
    "other_split": 1000,
    "exactly_leaked": 0,
    "leaked": 0,
    "leaked_fraction": 0.0,
    "conflicts": 0,
}
NONE_LEAKS, NO_COPIES = "No unseen image is a copy", "No two images show the same"


def said(**changed):
    return {check.claim: check.passed for check in copy_checks([ROW | changed])}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {NONE_LEAKS: True, NO_COPIES: True}),
        ({"other_split": 0, "leaked_fraction": None}, {NO_COPIES: True}),
        ({"leaked": 10, "leaked_fraction": 0.01}, {"1 % of unseen images are copies": None, NO_COPIES: True}),
        ({"leaked": 11, "leaked_fraction": 0.011}, {"1.1 % of unseen images are copies": False, NO_COPIES: True}),
        (
            {"conflicts": 1, "duplicates": 3, "duplicate_fraction": 0.02},
            {
                NONE_LEAKS: True,
                "1 pair of copies has different labels": None,
                "2 % of the images are copies of others": None,
            },
        ),
        ({"conflicts": 1200}, {NONE_LEAKS: True, "1,200 pairs of copies have different labels": None, NO_COPIES: True}),
        ({"near_pairs": None, "duplicates": 5, "leaked": 900}, {"Near-duplicates were not looked for": None}),
    ],
)
def test_claims(changed, expected):
    assert said(**changed) == expected


def test_evidence_counts_exact_and_near_copies():
    leak, _ = copy_checks([ROW | {"leaked": 60, "exactly_leaked": 57, "leaked_fraction": 0.06}])
    assert leak.evidence.startswith(
        "60 of 1,000 images of other splits are copies of fitted images: 57 have the same bytes, 3 show the same. At"
    )


def test_mirrored_copies_are_spoken_of_if_they_were_looked_for():
    leaked = {"leaked": 60, "exactly_leaked": 57, "leaked_fraction": 0.06, "mirrored_pairs": 2}
    assert ": 57 have the same bytes, 3 show the same, perhaps mirrored. At" in copy_checks([ROW | leaked])[0].evidence
    assert copy_checks([ROW])[1].evidence == "None is an exact, near or mirrored copy of another."
    earlier = copy_checks([ROW | {"mirrored_pairs": None}])
    assert [check.evidence for check in earlier] == [
        "None of 1,000 images of other splits is an exact or near copy of a fitted image.",
        "None is an exact or near copy of another.",
    ]


def test_a_run_of_an_earlier_version_is_gray():
    (check,) = copy_checks([])
    assert check.passed is None
    assert check.evidence == "The run is of an earlier version."
