"""Compare a run that is about to be sealed with an earlier one, as a nightly audit does."""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.errors import EigenwaveError, InputError
from storage.runs.run import Run
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.store import StorePath
from tasks.compare.gates import Gate, gate_failure
from tasks.compare.runs import Comparison, MapSum, compare_runs, read_comparison, write_comparison
from tasks.run.job import Job
from tasks.run.seal import describe_run

LATEST = "latest"


@dataclass(frozen=True)
class Audit:
    """A run, and what changed since an earlier one.

    Attributes
    ----------
    run_id
        The run.
    before
        The earlier run, None if there is none.
    comparison
        What changed from that to this.
    folder
        Where its tables are.
    """

    run_id: str
    before: str | None = None
    comparison: Comparison | None = None
    folder: StorePath | None = None

    def require(self, gates: Sequence[Gate]) -> None:
        """Make sure that no more changed than is allowed; what has nothing to be compared with passes.

        Raises
        ------
        GateError
            If more did.
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
        What changed.
    """

    def __init__(self, message: str, audit: Audit) -> None:
        super().__init__(message, audit)
        self.audit = audit

    def __str__(self) -> str:
        return str(self.args[0])


def require_baseline(workspace: Workspace, against: str, settings: Settings) -> None:
    """Make sure, before anything is computed, that the run to compare with can be.

    Raises
    ------
    InputError
        If there is no such run, or it has other coefficients.
    """
    if against == LATEST:
        return
    paths = workspace.find(against)
    earlier = Settings.model_validate_json(paths.settings.read_bytes())
    if earlier.coefficients != settings.coefficients or earlier.decomposition.centre != settings.decomposition.centre:
        raise InputError(
            f"The run {paths.run_id} has other coefficients (wavelet, bands, size or centring) than these settings "
            "give; audit against a run with the same settings."
        )


def audit_run(job: Job, against: str = LATEST) -> Audit:
    """Compare a run that has all but its manifest with an earlier one.

    Parameters
    ----------
    job
        The run.
    against
        A run id, a path, or `latest`: the run that this one was laid out to be compared with, which every run is of
        itself.
    """
    name = job.compared_with if against == LATEST else against
    if name is None:
        return Audit(job.run_id)
    before, after = Run(job.workspace.find(name)), Run(job.paths, describe_run(job))
    before_id, folder = before.manifest.run_id, job.paths.tables
    if against == LATEST and job.paths.table("compared_runs").exists():
        return Audit(job.run_id, before_id, read_comparison(folder, before, after), folder)
    comparison, folder = compare_runs(before, after), job.workspace.comparison(before_id, job.run_id)
    write_comparison(folder, comparison, {"first": before_id, "second": job.run_id})
    return Audit(job.run_id, before_id, comparison, folder)


def record_drift(workspace: Workspace, run: Run, tables: StorePath, map_sum: MapSum) -> None:
    """Compare a run with the one before it, as its layout names it, and write the tables of that; nothing if none is.

    Parameters
    ----------
    workspace
        Where both runs lie.
    run
        The later one; only its report and manifest may be missing.
    tables
        Folder to write into.
    map_sum
        Where to go over the shards of both.

    Raises
    ------
    EigenwaveError
        If they cannot be compared, or the run before is damaged or gone.
    """
    name = run.manifest.layout.compared_with
    if name is None:
        return
    try:
        before = Run(workspace.find(name))
    except InputError:
        raise InputError(
            f"The run {name}, that run {run.paths.run_id} is compared with, is gone: how the dataset drifted between "
            "them cannot be computed; eigenwave compare tells it of other runs."
        ) from None
    write_comparison(tables, compare_runs(before, run, map_sum), {"first": name, "second": run.manifest.run_id})
