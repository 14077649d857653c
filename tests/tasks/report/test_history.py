"""The page of a history: what it says and draws, and that it loads nothing."""

import html
import re
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from storage.tables.schemas import HISTORY
from tasks.compare.history import History
from tasks.report.history import BOTTOM, HEIGHT, TOP, render_history

ROW = dict.fromkeys(HISTORY.names) | {"images": 10}


def page(*rows, **others):
    """The page of runs that differ from one without numbers by these."""
    filled = [
        ROW | {"run_id": f"r{number}", "created": datetime(2026, 1, number + 1, tzinfo=UTC)} | row
        for number, row in enumerate(rows)
    ]
    said = {"earlier": 0, "other_kinds": 0, "unreadable": ()} | others
    return render_history(History("/data/<b>\x1b", pa.Table.from_pylist(filled, HISTORY), **said))


def test_gates_that_failed_are_marked_in_every_chart_and_named():
    text = page(
        {"learnability_adjusted": 0.5, "accuracy": 0.9, "wrong_labels": 1, "gates": ["a>1"], "failed_gates": []},
        {"learnability_adjusted": 0.4, "accuracy": 0.8, "wrong_labels": 2, "gates": ["a>1"], "failed_gates": ["a>1"]},
    )
    assert text.count('<g class="failure"><title>2026-01-02: failed a&gt;1</title>') == 3
    assert "<b>1</b> of them failed a gate" in text
    assert "failed a&gt;1</b></td>" in text
    assert "passed a&gt;1</td>" in text


def test_what_is_missing_interrupts_the_line_and_is_a_dash():
    values = (0.5, 0.6, None, 0.7)
    text = page(*({"learnability_adjusted": value, "ci_low": value, "ci_high": value} for value in values))
    lines = re.findall(r'<polyline points="([^"]*)"', text)
    assert [len(line.split()) for line in lines] == [2, 1]
    assert len(re.findall("<circle", text)) == 3
    assert "None of these runs has this number." in text
    assert "No gates are known of them." in text
    assert ">None<" not in text
    assert "<td>\u2013</td>" in text


@pytest.mark.parametrize("values", [(0.0, 0.0), (0.3,), (-0.1, 0.9, 0.4)])
@pytest.mark.parametrize("name", ["learnability_adjusted", "accuracy"])
def test_points_lie_within_the_chart_and_higher_is_larger(name, values):
    text = page(*({name: value} for value in values))
    heights = [float(y) for y in re.findall(r'<circle cx="[\d.]+" cy="([\d.-]+)"', text)]
    assert all(TOP <= y <= HEIGHT - BOTTOM for y in heights)
    order = sorted(range(len(values)), key=lambda number: values[number])
    assert [heights[number] for number in order] == sorted(heights, reverse=True)


def test_counts_begin_at_zero_and_have_whole_ticks():
    text = page({"wrong_labels": 7, "leaked": 0, "new_issues": 1200})
    ticks = re.findall(r'text-anchor="end">([^<]*)<', text)
    assert ticks == ["0", "600", "1,200"]
    assert all(
        f'class="entry {colour}">{name}' in text for colour, name in (("control", "leaks"), ("note", "new issues"))
    )


def test_the_page_loads_nothing_and_shows_names_as_they_are():
    text = page({}, earlier=3, other_kinds=1, unreadable=("bad",))
    assert "default-src 'none'" in html.unescape(text)
    assert "<script" not in text
    assert "/data/&lt;b&gt;\\x1b" in text
    assert "3 earlier runs are left out." in text
    assert "1 run with other settings cannot be compared with these." in text
    assert "Left out because they are damaged: bad." in text
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"(?:src|href)=\"(?!data:)", text)
