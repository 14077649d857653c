import pytest

from tasks.report.independence import independence

ROW = {"n": 1000, "repeats": 0, "units": 1000, "effective_images": 1000.0, "leaked": 0}


def said(conflicting=0, grouped=False, copies_known=False, **changed):
    found = independence(ROW | changed, conflicting, grouped=grouped, copies_known=copies_known)
    return [(check.passed, check.claim) for check in found]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"repeats": 10}, [(None, "10 of 1,010 images have the same bytes as another")]),
        ({"repeats": 11}, [(False, "11 of 1,011 images have the same bytes as another")]),
        (
            {"conflicting": 2, "leaked": 3},
            [
                (False, "2 images are there under more than one class"),
                (None, "3 held-out images are not unseen"),
            ],
        ),
        ({"leaked": 3, "copies_known": True}, []),
        (
            {"grouped": True, "units": 40, "effective_images": 44.4},
            [(None, "The 1,000 images come in 40 groups")],
        ),
        (
            {"grouped": True, "units": 2, "effective_images": None},
            [(False, "The 1,000 images come in 2 groups")],
        ),
    ],
)
def test_claims(changed, expected):
    assert said(**changed) == expected


def test_a_run_of_an_earlier_version_says_nothing():
    assert independence({"n": 1000}, 0, grouped=False, copies_known=False) == []
