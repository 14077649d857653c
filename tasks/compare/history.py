"""The history of a dataset: the numbers of its last runs side by side."""

from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from storage.errors import DamagedError, InputError
from storage.formats.open import address_of
from storage.runs.manifest import Manifest
from storage.runs.notes import audit_of_run
from storage.runs.run import Run
from storage.runs.series import series_of
from storage.runs.verify import sound_manifest
from storage.runs.workspace import RunPaths, Workspace
from storage.tables.schemas import HISTORY
from tasks.issues.found import WRONG_LABEL

LAST = 50  # runs


class History(NamedTuple):
    """The last runs of a source.

    Attributes
    ----------
    source
        Address of the dataset.
    table
        A row for each run, as in `storage.tables.schemas.HISTORY`; the run sealed last is the last row.
    earlier
        Number of earlier runs that are left out.
    other_kinds
        Number of runs of this source whose coefficients are of another kind than the last run's. They are left out.
    unreadable
        Ids of runs that are left out because their manifest, settings or plan is damaged.
    """

    source: str
    table: pa.Table
    earlier: int
    other_kinds: int
    unreadable: tuple[str, ...]


def history_of(workspace: Workspace, source: str | None = None, last: int = LAST) -> History:
    """Collect the numbers of the last runs of a source that an audit would compare with one another.

    Parameters
    ----------
    workspace
        The workspace.
    source
        Dataset, as for a run; by default that of the latest run.
    last
        Number of runs.

    Raises
    ------
    InputError
        If the source has no finished run, `last` is below 1, or what the workspace keeps about a run is damaged.
    """
    if last < 1:
        raise InputError(f"--last {last} is not possible; give a whole number from 1.")
    address = sound_manifest(workspace.find("latest")).source if source is None else address_of(source)
    found, unreadable = [], []
    for paths in workspace.runs():
        if not paths.finished:
            continue
        try:
            manifest, series = sound_manifest(paths), series_of(paths)
        except (DamagedError, InputError):
            unreadable.append(paths.run_id)
            continue
        if manifest.source == address:
            found.append((manifest, series, paths))
    if not found:
        raise InputError(
            f"The workspace {workspace.folder} has no finished run of {address}; eigenwave list shows its runs."
        )
    found.sort(key=lambda each: (each[0].created, each[0].run_id))
    alike = [each for each in found if each[1] == found[-1][1]]
    rows = [_row(workspace, manifest, paths) for manifest, _, paths in alike[-last:]]
    table = pa.Table.from_pylist(rows, HISTORY)
    return History(address, table, len(alike) - len(rows), len(found) - len(alike), tuple(unreadable))


def _row(workspace: Workspace, manifest: Manifest, paths: RunPaths) -> dict[str, Any]:
    """The numbers of a run. What was not measured, or not by the version that made the run, is left out."""
    run, audit = Run(paths, manifest), audit_of_run(workspace, manifest.run_id)
    row = {
        "run_id": manifest.run_id,
        "created": datetime.fromisoformat(manifest.created),
        "images": manifest.plan["images"],
        **{name: manifest.learnability.get(name) for name in ("learnability_adjusted", "ci_low", "ci_high")},
        "accuracy": _accuracy(run),
        "wrong_labels": _wrong_labels(run),
        "leaked": _leaked(run),
        "new_issues": _new_issues(run),
        "before": manifest.layout.compared_with,
    }
    if audit is None:
        return row
    new = audit.summary.get("new_issues")
    return row | {
        "before": audit.before,
        "new_issues": None if new is None else int(new),
        "gates": list(audit.gates),
        "failed_gates": None if audit.before is None else audit.failed,
    }


def _rows(run: Run, name: str) -> list[dict[str, Any]]:
    """Rows of a table, none if the run has no such table."""
    return run.tables[name].to_pylist() if name in run.tables else []


def _accuracy(run: Run) -> float | None:
    methods = {row["method"]: row for row in _rows(run, "held_out")}
    judged = methods.get("quadratic", {})
    return judged["accuracy"] if judged.get("judged") and run.manifest.learnability["classes"] != 1 else None


def _wrong_labels(run: Run) -> int | None:
    found = {row["kind"]: row["found"] for row in _rows(run, "issue_kinds")}
    judged = sum(row["judged"] or 0 for row in _rows(run, "classes"))
    return found.get(WRONG_LABEL) if judged else None


def _leaked(run: Run) -> int | None:
    rows = _rows(run, "duplication")
    return rows[0]["leaked"] if rows and rows[0].get("leaked_fraction") is not None else None


def _new_issues(run: Run) -> int | None:
    rows = _rows(run, "compared_runs")
    return rows[0]["new_issues"] if rows else None
