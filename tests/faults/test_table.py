"""The page that counts faults."""

import json

import pytest

from tests.faults import table


def test_no_fault_of_the_page_was_lost():
    rows = [row.groups() for row in table.ROW.finditer(table.PAGE.read_text())]
    assert len(rows) > 30
    for fault, tried, survived, lost, _ in rows:
        assert int(tried) == int(survived) > 0, fault
        assert int(lost) == 0, fault


def test_counts_are_added_up_and_rows_must_have_some():
    page = "| fault | tried | survived | lost | seen |\n|---|---|---|---|---|\n| fire | | | | smoke |\n"
    lines = [json.dumps({"fault": "fire", "tried": 2, "survived": survived}) for survived in (2, 1)]
    assert "| fire | 4 | 3 | 1 | smoke |" in table.filled(page, lines)
    with pytest.raises(SystemExit, match=r"rows without tests: \['fire'\]; without a row: \['flood'\]"):
        table.filled(page, [lines[0].replace("fire", "flood")])
