"""Compare a run that is about to be sealed with an earlier one, as a nightly audit does."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from storage.errors import EigenwaveError, InputError
from storage.runs.notes import AuditRecord, keep_audit
from storage.runs.run import Run
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.store import StorePath
from tasks.compare.gates import Gate, gate_failure
from tasks.compare.issues import issue_changes
from tasks.compare.runs import Comparison, MapSum, compare_runs, read_comparison, write_comparison
from tasks.issues.decisions import Decisions, decisions_file
from tasks.run.job import Job
from tasks.run.seal import describe_run

LATEST = "latest"


@dataclass(frozen=True)
class Audit:
    """A run and its comparison with an earlier one.

    Attributes
    ----------
    run_id
        Id of the run.
    before
        Id of the earlier run, or None.
    comparison
        Changes from the earlier run to this one, or None.
    folder
        Folder of its tables.
    """

    run_id: str
    before: str | None = None
    comparison: Comparison | None = None
    folder: StorePath | None = None

    def require(self, gates: Sequence[Gate]) -> None:
        """Check the gates. A run without an earlier one passes.

        Raises
        ------
        GateError
            If more changed than a gate allows.
        """
        if self.comparison and self.before:
            failure = gate_failure(gates, self.comparison.summary, self.before, self.run_id)
            if failure:
                raise GateError(failure, self)


class GateError(EigenwaveError):
    """More changed than a gate allows.

    Attributes
    ----------
    audit
        The run and its comparison.
    """

    def __init__(self, message: str, audit: Audit) -> None:
        super().__init__(message, audit)
        self.audit = audit

    def __str__(self) -> str:
        return str(self.args[0])


def require_baseline(workspace: Workspace, against: str, settings: Settings) -> None:
    """Check, before anything is computed, that a run with these settings can be compared with the earlier run.

    Raises
    ------
    InputError
        If the earlier run does not exist or has other coefficients.
    """
    if against == LATEST:
        return
    paths = workspace.find(against)
    earlier = Settings.recorded(json.loads(paths.settings.read_bytes()))
    alike = earlier.of_coefficients() == settings.of_coefficients()
    if not alike or earlier.decomposition.centre != settings.decomposition.centre:
        raise InputError(
            f"The run {paths.run_id} has other coefficients (wavelet, bands, size, resizing or centering) than a run "
            "with these settings; audit against a run with the same settings."
        )


def audit_run(job: Job, against: str = LATEST, decisions: str | None = None) -> Audit:
    """Compare a run that lacks only its manifest with an earlier one.

    Parameters
    ----------
    job
        The run.
    against
        A run id, a path, or `latest`. `latest` is the run that the layout of this one names; every run makes that
        comparison by itself, so it is read if it exists.
    decisions
        File of decisions, by default that of the workspace: issues that were decided are not new. The tables count them
        nevertheless, since they describe the two runs alone.

    Raises
    ------
    InputError
        If the file of decisions cannot be read.
    """
    decided = Decisions.read(decisions_file(decisions, job.workspace))
    name = job.compared_with if against == LATEST else against
    if name is None:
        return Audit(job.run_id)
    before, after = Run(job.workspace.find(name)), Run(job.paths, describe_run(job))
    before_id, folder = before.manifest.run_id, job.paths.tables
    if against == LATEST and job.paths.table("compared_runs").exists():
        comparison = read_comparison(folder, before, after)
    else:
        comparison, folder = compare_runs(before, after), job.workspace.comparison(before_id, job.run_id)
        write_comparison(folder, comparison, {"first": before_id, "second": job.run_id})
    summary = {**comparison.summary, **issue_changes(before, after, decided)}
    return Audit(job.run_id, before_id, dataclasses.replace(comparison, summary=summary), folder)


def record_audit(job: Job, found: Audit, gates: Sequence[Gate]) -> None:
    """Keep in the workspace what an audit found and what each gate says of it, for `eigenwave history`."""
    summary = found.comparison.summary if found.comparison else {}
    known = {name: None if isnan(value) else value for name, value in summary.items()}
    said = {str(gate): gate.passes(summary) if summary else None for gate in gates}
    keep_audit(job.workspace, job.run_id, AuditRecord(found.before, known, said))


def record_drift(workspace: Workspace, run: Run, tables: StorePath, map_sum: MapSum) -> None:
    """Compare a run with the run before it, which its layout names, and write the tables. Without one, do nothing.

    Parameters
    ----------
    workspace
        Workspace of both runs.
    run
        The later run; only its report and manifest may be missing.
    tables
        Folder of the tables.
    map_sum
        Function that adds up over the shards of both runs.

    Raises
    ------
    EigenwaveError
        If the runs cannot be compared, or the run before is damaged or was removed.
    """
    name = run.manifest.layout.compared_with
    if name is None:
        return
    try:
        before = Run(workspace.find(name))
    except InputError:
        raise InputError(
            f"The run {name} no longer exists, so the drift from it to run {run.paths.run_id} cannot be computed; "
            "compare with another run by eigenwave compare."
        ) from None
    write_comparison(tables, compare_runs(before, run, map_sum), {"first": name, "second": run.manifest.run_id})
