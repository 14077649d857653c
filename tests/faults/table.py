"""The table of docs/faults.md: how often each fault was tried, survived and lost.

With EIGENWAVE_FAULTS=FILE, each test of a fault adds a line to that file. `python -m tests.faults.table FILE` writes
the sums into the page.
"""

import json
import os
import re
import sys
from collections import Counter
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "faults.md"
ROW = re.compile(r"^\| ([^|]+) \|( *\d* *)\|( *\d* *)\|( *\d* *)\| ([^|]+) \|$", flags=re.MULTILINE)


def record(fault, *, tried, survived):
    """Add a line, and fail if something was lost."""
    place = os.environ.get("EIGENWAVE_FAULTS")
    if place:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"fault": fault, "tried": tried, "survived": survived}) + "\n")
    assert survived == tried, f"{fault}: {tried - survived} of {tried} lost"


def filled(page, lines):
    """The page with the sums of all lines of each fault; each must have a row, and each row a line."""
    tried, survived = Counter(), Counter()
    for line in map(json.loads, lines):
        tried[line["fault"]] += line["tried"]
        survived[line["fault"]] += line["survived"]
    rows = {row[1] for row in ROW.finditer(page)}
    if rows != set(tried):
        raise SystemExit(f"rows without tests: {sorted(rows - set(tried))}; without a row: {sorted(set(tried) - rows)}")

    def row(found):
        fault = found[1]
        counts = tried[fault], survived[fault], tried[fault] - survived[fault]
        return f"| {fault} | {' | '.join(map(str, counts))} | {found[5]} |"

    return ROW.sub(row, page)


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(filled(text, Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()), encoding="utf-8")
