"""The changes of issues from one run to another, as numbers that gates limit."""

from math import nan

from storage.runs.run import Run
from tasks.issues.choose import Issues
from tasks.issues.decisions import Decisions
from tasks.issues.found import WRONG_LABEL

UNDECIDED = Decisions()


def issue_changes(before: Run, after: Run, decisions: Decisions = UNDECIDED) -> dict[str, float]:
    """Return the columns of the table `compared_runs` about issues; NaN if a run has no list of issues.

    Parameters
    ----------
    before, after
        The runs.
    decisions
        Issues that do not count as new.
    """
    if "issues" not in after.tables:
        return {"suspect_fraction": nan, "new_issues": nan}
    known = "issues" in before.tables
    return {
        "suspect_fraction": _suspect_fraction(after),
        "new_issues": Issues(after, before, decisions).new if known else nan,
    }


def _suspect_fraction(run: Run) -> float:
    """Part of the judged images that are listed as wrong labels."""
    found = dict(zip(*(run.tables["issue_kinds"][name].to_pylist() for name in ("kind", "found")), strict=True))
    judged = sum(run.tables["classes"]["judged"].to_pylist())
    return found[WRONG_LABEL] / judged if judged else nan
