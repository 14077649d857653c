import re

import pytest

from tasks.report.shortcuts import no_shortcut, shortcuts, telling
from tests import simulator
from tests.runs import analyse

SPREAD = {"pixel_share": 0.04, "line_share": 0.2, "border_share": 0.3, "null_eta_squared_max": 0.01}


def pattern(number, eta_squared, q_value, **shares):
    return {"pattern": number, "eta_squared": eta_squared, "q_value": q_value, "top_class": "dog"} | SPREAD | shares


SOUND = [pattern(0, 0.5, 0.0), pattern(1, 0.3, 1e-9)]


def test_patterns_of_objects_pass():
    found = no_shortcut(SOUND)
    assert (found.passed, found.claim, found.pattern) == (True, "No pattern looks like a shortcut", None)
    assert found.evidence == "The 2 patterns that tell classes apart are spread over the image."


@pytest.mark.parametrize(
    ("share", "place"),
    [
        ("pixel_share", "1 % of the pixels"),
        ("line_share", "a few rows or columns"),
        ("border_share", "the border of the image"),
    ],
)
def test_one_that_tells_the_class_and_lies_in_a_small_part_is_a_shortcut(share, place):
    found = no_shortcut([*SOUND, pattern(2, 0.9, 0.0, **{share: 0.96})])
    assert (found.passed, found.claim, found.pattern) == (None, "Pattern 2 is a likely shortcut", 2)
    assert f"It tells the class dog apart (η² 0.9), but 96 % of its energy lies in {place}" in found.evidence


@pytest.mark.parametrize(
    "row",
    [
        pattern(2, 0.9, 0.2, pixel_share=0.96),  # chance
        pattern(2, 0.04, 1e-9, pixel_share=0.96),  # tells little beside others
        pattern(2, 0.9, 0.0, pixel_share=0.4),  # half of it lies elsewhere
        pattern(2, None, None, pixel_share=0.96),
    ],
)
def test_what_tells_nothing_or_is_spread_is_none(row):
    assert shortcuts([*SOUND, row]) == []


def test_without_q_values_shuffled_labels_say_what_tells():
    rows = [pattern(0, 0.5, None), pattern(1, 0.5, None, null_eta_squared_max=0.6)]
    assert telling(rows) == rows[:1]


def test_nothing_is_said_of_runs_without_pictures_or_association():
    earlier = [{name: value for name, value in row.items() if not name.endswith("share")} for row in SOUND]
    assert no_shortcut(earlier) is None
    assert no_shortcut([pattern(0, 0.001, 0.9)]) is None


def test_the_report_shows_the_shortcut_and_lists_patterns_by_what_they_tell(tmp_path):
    run = analyse(simulator.marked(1).write(tmp_path / "data"), tmp_path / "workspace", report=True, **simulator.RUN)
    table = run.tables["patterns"].to_pandas()
    page = run.paths.report.read_bytes().decode()
    order = [int(number) for number in re.findall(r'<li data-text="[^"]*" data-pattern="(\d+)"', page)]
    assert order == table.sort_values("association_rank").pattern.tolist()
    assert table.sort_values("association_rank").eta_squared.is_monotonic_decreasing
    number = order[0]
    assert f"Pattern {number} is a likely shortcut" in page
    assert re.search(rf'beside" src="data:image/[^"]+" alt="Pattern {number}"', page)
    assert page.count(">likely shortcut<") == 1
