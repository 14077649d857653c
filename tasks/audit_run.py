"""Compare a run that is about to be sealed with an earlier one, as a nightly audit does."""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.errors import EigenwaveError, InputError
from storage.run import Run
from storage.settings import Settings
from storage.workspace import Workspace
from tasks.begin_run import Job
from tasks.check_gates import Gate, gate_failure
from tasks.compare_runs import Comparison, comparable, compare_runs, write_comparison
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
    """

    run_id: str
    before: str | None = None
    comparison: Comparison | None = None

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
    """Compare a run that has all but its manifest with an earlier one, and write the comparison's tables.

    Parameters
    ----------
    job
        The run.
    against
        A run id, a path, or `latest`: the last finished run of the same source with the same kind of coefficients.
    """
    after = Run(job.paths, describe_run(job))
    before = _last_comparable(job, after) if against == LATEST else Run(job.workspace.find(against))
    if before is None:
        return Audit(job.run_id)
    comparison = compare_runs(before, after)
    ids = before.manifest.run_id, job.run_id
    metadata = dict(zip(("first", "second"), ids, strict=True))
    write_comparison(job.workspace.comparison(*ids), comparison, metadata)
    return Audit(job.run_id, ids[0], comparison)


def _last_comparable(job: Job, after: Run) -> Run | None:
    finished = (Run(paths) for paths in reversed(job.workspace.runs()) if paths.manifest.exists())
    return next((run for run in finished if run.manifest.source == job.source and comparable(run, after)), None)
