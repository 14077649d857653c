import pytest

from tasks.report.quality_words import SHOWN, quality_check, quality_counts, quality_entries


def row(kind, name, count, *, images=100, q_value=None, v=None, expected=1.0):
    return {
        "kind": kind,
        "class_name": name,
        "count": count,
        "images": images,
        "expected": expected,
        "q_value": q_value,
        "cramers_v": v,
    }


SPREAD = [row("dark", "cat", 2, q_value=0.6, v=0.02), row("dark", "dog", 3, q_value=0.4, v=0.02)]
ABSENT = [row("flat", "cat", 0), row("flat", "dog", 0)]
TELLING = [
    row("blurred", "cat", 18, q_value=1e-9, v=0.3, expected=10.0),
    row("blurred", "dog", 2, q_value=1.0, v=0.3, expected=10.0),
]


def test_a_run_of_an_earlier_version_is_neither_good_nor_bad():
    check = quality_check([])
    assert check.passed is None
    assert "unknown" in check.claim


def test_nothing_that_stands_out_is_good():
    assert quality_check(ABSENT).passed
    assert quality_entries([], ABSENT) == []


def test_bad_images_of_all_classes_are_good_and_counted():
    check = quality_check(SPREAD + ABSENT)
    assert (check.passed, check.evidence) == (True, "Images that stand out: 5 dark.")


def test_quality_that_goes_with_class_is_a_warning():
    check = quality_check(SPREAD + TELLING)
    assert (check.passed, check.claim) == (None, "Image quality goes with class")
    assert check.evidence == (
        "18 of 20 images that are blurred are of the class cat, which has 50 % of all images. A classifier may learn "
        "the quality instead of the class."
    )


@pytest.mark.parametrize(("q_value", "v"), [(0.06, 0.3), (1e-9, 0.09), (None, None)])
def test_what_is_chance_or_small_is_no_warning(q_value, v):
    rows = [row("blurred", "cat", 18, q_value=q_value, v=v), row("blurred", "dog", 2, q_value=1.0, v=v)]
    assert quality_check(rows).passed


def test_entries_have_the_worst_and_all_are_counted():
    images = [{"kind": "blurred", "row": number} for number in range(20)] + [{"kind": "dark", "row": 3}]
    dark, blurred = quality_entries(images, SPREAD + ABSENT + TELLING)
    assert (dark.kind, dark.images, dark.by_class, len(dark.worst)) == ("dark", 5, None, 1)
    assert [entry["row"] for entry in blurred.worst] == list(range(SHOWN))
    assert blurred.by_class.startswith("18 of 20 images that are blurred")
    assert quality_counts(SPREAD + ABSENT + TELLING) == {"dark": 5, "blurred": 20}


def test_without_labels_quality_is_not_compared_with_them():
    rows = [row("blurred", "no label", 18, q_value=None, v=None), row("dark", "no label", 0, q_value=None, v=None)]
    found = quality_check(rows)
    assert found.passed is None
    assert "18 blurred" in found.evidence
