import pytest

from tasks.report.learning import curve_rows, more_images


def curve(learned, **accuracies):
    return [
        {"images": int(images[1:]), "learned": learned, "accuracy": accuracy, "r_squared": 0.1}
        for images, accuracy in accuracies.items()
    ]


NOW = "With 1,000 images, a linear classifier is right on 50 % of unseen images. "


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            curve(1000, n100=0.3, n1000=0.5, n2000=0.55, n100000=0.62),
            f"{NOW}Twice as many would raise that to 55 %, and 100,000 to 62 %.",
        ),
        (
            curve(1000, n1000=0.5, n2000=0.504, n100000=0.52),
            f"{NOW}Twice as many would hardly change that; 100,000 would raise it to 52 %.",
        ),
        (
            curve(1000, n1000=0.5, n2000=0.501, n100000=0.503),
            f"{NOW}More images would hardly help: even with 100,000, it would be right on 50.3 %.",
        ),
        (curve(1000, n1000=None, n2000=None), None),
        ([], None),
    ],
)
def test_one_sentence_says_what_more_images_would_give(rows, expected):
    assert more_images(rows) == expected


def test_rows_without_a_prediction_are_left_out():
    rows = [{"images": 100, "r_squared": None}, {"images": 200, "r_squared": 0.1}]
    assert curve_rows(rows) == rows[1:]
