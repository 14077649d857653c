"""The nightly audit as a Prefect flow: analyze a dataset, compare it with an earlier run, fail if too much changed."""

from collections.abc import Sequence
from typing import cast

from prefect import Flow, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed

from flows.analysis import analysed
from flows.tracking.artifacts import show_rows, show_text
from flows.tracking.cancellation import cancellable
from flows.tracking.facts import drift_facts
from flows.tracking.form import (
    AgainstField,
    DecisionsField,
    GatesField,
    RunIdField,
    SettingsField,
    SourceField,
    WorkspaceField,
)
from flows.tracking.plain import audit_name
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace
from storage.settings import Settings
from tasks.compare.audit import LATEST, Audit, GateError, audit_run, record_audit, require_baseline
from tasks.compare.gates import Gate
from tasks.planning.outlook import Outlook
from tasks.run.job import Job


def audit_of(outlook: Outlook | None) -> "Flow[..., Audit]":
    """Return the flow `audit`, which uses this outlook on the dataset if it is not None; see `analysis_of`."""

    @flow(name="audit", flow_run_name=audit_name)
    @cancellable
    def audit(  # noqa: PLR0913, PLR0917 - each is a field of the form
        source: SourceField,
        workspace: WorkspaceField = DEFAULT_WORKSPACE,
        fail_if: GatesField = (),
        against: AgainstField = LATEST,
        settings: SettingsField = Settings(),  # noqa: B008 - frozen
        run_id: RunIdField = None,
        decisions: DecisionsField = None,
    ) -> Audit:
        """Analyze a dataset, compare it with an earlier run, and fail if more changed than is allowed.

        Parameters
        ----------
        source
            Dataset, as for the flow analysis.
        workspace
            Folder or URL (s3://, gs://, az://) for runs and shards.
        fail_if
            Gates such as learnability_drop>0.01, with any column of the table compared_runs.
        against
            Run to compare with: an id, a path, or latest for the previous run of this source.
        settings
            Settings of the run.
        run_id
            Id of the run; by default made from the time.
        decisions
            File of decisions; by default decisions.jsonl in the workspace.

        Returns
        -------
        Audit
            The run and its comparison with the earlier one.

        Raises
        ------
        GateError
            If more changed than the gates allow. The run is finished and kept nevertheless.
        """
        gates = [Gate.parse(gate) for gate in fail_if]
        require_baseline(Workspace(workspace), against, settings)
        with analysed(source, workspace, settings, run_id, outlook) as job:
            found = compare(job, against, gates, decisions)
        try:
            found.require(gates)
        except GateError as error:
            # Return a state, so that Prefect shows the sentence without a traceback.
            return cast("Audit", Failed(message=str(error), data=error))
        return found

    return audit


@task(task_run_name="compare", cache_policy=NO_CACHE)
def compare(job: Job, against: str, gates: Sequence[Gate], decisions: str | None = None) -> Audit:
    """Compare with the earlier run, and record the changes in tables and as an artifact."""
    found = audit_run(job, against, decisions)
    record_audit(job, found, gates)
    if found.comparison:
        show_rows("compared", f"What changed since run {found.before}", drift_facts(found.comparison, gates))
    else:
        first = f"There is no earlier run of {job.source} with coefficients of this kind to compare with."
        get_run_logger().info(first)
        show_text("compared", f"### What changed\n\n{first}")
    return found


audit = audit_of(None)
