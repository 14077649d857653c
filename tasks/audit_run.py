"""Compare a run that is about to be sealed with an earlier one, as a nightly audit does."""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.errors import EigenwaveError, InputError
from storage.run import Run
from storage.settings import Settings
from storage.store import StorePath
from storage.workspace import Workspace
from tasks.begin_run import Job
from tasks.check_gates import Gate, gate_failure
from tasks.compare_runs import Comparison, compare_runs, read_comparison, write_comparison
from tasks.seal_run import describe_run

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
    if (earlier.transform_part(), earlier.centre) != (settings.transform_part(), settings.centre):
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
