"""The analysis of a dataset as a Prefect flow with a task for each stage. Stages continue from the state on disk."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from prefect import Flow, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows import stages
from flows.hooks.call import call_hooks
from flows.hooks.to_mlflow import require_mlflow
from flows.stages import Work, report_run
from flows.tracking.artifacts import show_dashboard, show_facts, show_rows, show_text
from flows.tracking.cancellation import cancellable
from flows.tracking.facts import (
    draw_classes,
    draw_patterns,
    learnability_facts,
    pass_facts,
    plan_facts,
    projection_facts,
    rejects,
    transform_facts,
)
from flows.tracking.form import RunIdField, SettingsField, SourceField, WorkspaceField
from flows.tracking.plain import plain_logs, run_name
from flows.tracking.progress import stage_progress
from flows.workers.fanout import Fanout
from flows.workers.open import open_fanout
from storage.errors import ClusterLostError, EigenwaveError, InputError, TakenOverError
from storage.runs.manifest import Manifest
from storage.runs.run import Run
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace
from storage.settings import Settings
from storage.stores.store import Lease
from tasks.decompose.patterns import missing_patterns
from tasks.planning.outlook import Outlook
from tasks.report.verdict import verdict
from tasks.run.begin import begin_run
from tasks.run.job import Job
from tasks.run.seal import seal_run
from tasks.run.state import read_totals

RECONNECT_SECONDS = (10, 30, 90)  # Kubernetes restarts a scheduler within a minute


plain_logs()


def analysis_of(outlook: Outlook | None) -> "Flow[..., str]":
    """Return the flow `analysis`, which uses this outlook on the dataset if it is not None.

    The outlook is not a parameter of the flow, because Prefect stores parameters and shows them in its pages and forms.
    """

    @flow(name="analysis", flow_run_name=run_name)
    @cancellable
    def analysis(
        source: SourceField,
        workspace: WorkspaceField = DEFAULT_WORKSPACE,
        settings: SettingsField = Settings(),  # noqa: B008 - frozen
        run_id: RunIdField = None,
    ) -> str:
        """Analyze an image-classification dataset, or continue the analysis that was interrupted.

        Parameters
        ----------
        source
            A folder, a file or a URL in any of the formats of docs/inputs.md, or the name of a dataset, such as
            `digits`.
        workspace
            Folder or URL (s3://, gs://, az://) for runs and shards.
        settings
            Settings of the run.
        run_id
            Id of the run; by default made from the time.

        Returns
        -------
        str
            Id of the run.
        """
        with analysed(source, workspace, settings, run_id, outlook) as job:
            return job.run_id

    return analysis


@contextmanager
def analysed(
    source: str, workspace: str, settings: Settings, run_id: str | None, outlook: Outlook | None
) -> Iterator[Job]:
    """Run all stages but the last; when the block ends without an error, seal the run and call the hooks."""
    require_mlflow(settings)
    space = Workspace(workspace)
    space.prepare()
    seconds: dict[str, float] = {}
    with space.lock() as lease, fenced(lease):
        with _timed(seconds, "plan"):
            job = plan(source, settings, space, run_id, outlook)
        _fan_out(job, seconds, lease)
        with _timed(seconds, "report"):
            report(job)
        yield job
        lease.require()
        seal(job, seconds)
    call_hooks(Run(job.paths), settings, _warn)


@contextmanager
def fenced(lease: Lease) -> Iterator[None]:
    """If another run has taken the workspace over, say so, rather than what went wrong for that reason.

    If the store does not say whether that is so, what went wrong stays the error.
    """
    try:
        yield
    except Exception as error:
        try:
            lease.require()
        except TakenOverError:
            raise
        except EigenwaveError:
            raise error from None
        raise


def _warn(sentence: str) -> None:
    """Warn on standard error, and in Prefect's log, which has the traceback too."""
    logging.getLogger("eigenwave").warning(sentence)
    get_run_logger().warning(sentence, exc_info=True)


def _fan_out(job: Job, seconds: dict[str, float], lease: Lease) -> None:
    """Run the stages that need workers. If these are lost, the stages continue when there are workers again."""
    lost = False
    for wait in (*RECONNECT_SECONDS, None):
        try:
            with open_fanout(job.settings, get_run_logger().log, stages.seconds_of(job)) as fanout:
                show_dashboard(fanout.dashboard)
                stages.check_workers(job, fanout)
                _stages_on(fanout, job, seconds, lease)
        except (ClusterLostError, InputError) as error:
            # A lost scheduler may come back; if there never was one, waiting does not help.
            lost = lost or isinstance(error, ClusterLostError)
            if wait is None or not lost:
                raise
            get_run_logger().warning("%s Trying again in %d s.", error, wait)
            time.sleep(wait)
        else:
            return


def _stages_on(fanout: Fanout, job: Job, seconds: dict[str, float], lease: Lease) -> None:
    for stage in stages.stages_of(job):
        with _timed(seconds, stage.name):
            for title, work in stage.steps(job):
                perform.with_options(name=stage.name)(stage.name, title, work, job, fanout)
                lease.require()  # a driver that was stopped for a while may have lost the workspace meanwhile


@task(task_run_name="plan", cache_policy=NO_CACHE)
def plan(source: str, settings: Settings, workspace: Workspace, run_id: str | None, outlook: Outlook | None) -> Job:
    """List the dataset, check the settings, and begin the run."""
    job = begin_run(source, settings, workspace, run_id, outlook, tell=get_run_logger().info)
    show_facts("plan", plan_facts(job))
    return job


@task(task_run_name="{title}", cache_policy=NO_CACHE)
def perform(stage: str, title: str, work: Work, job: Job, fanout: Fanout) -> None:
    """Do one step of a stage, and show its result unless the step was already done."""
    start = time.monotonic()
    done = work(job, fanout, stage_progress)
    if isinstance(done, str):
        get_run_logger().warning("The stage %s was left out. %s", stage, done)
    elif done and stage in SHOWN:
        SHOWN[stage](job, title, time.monotonic() - start)


def _show_transform(job: Job, title: str, seconds: float) -> None:
    show_facts(title, transform_facts(job, seconds))
    notes = read_totals(job).notes
    if notes:
        listed = "; ".join(f"{kind} ({count:,})" for kind, count in notes.items())
        get_run_logger().warning("Image files with harmless oddities were used: %s.", listed)
    show_rows("rejects", "Images that were set aside: how many for which reason, and the first by name", rejects(job))


def _show_pass(job: Job, title: str, seconds: float) -> None:
    show_facts(title, pass_facts(job, seconds))


def _show_projection(job: Job, title: str, seconds: float) -> None:
    show_facts(title, projection_facts(job, seconds))
    missing = missing_patterns(job)
    if missing:
        get_run_logger().warning(missing)
    if job.space.pictured:
        show_text("patterns", "### Leading patterns", {"Number, and share of the energy": draw_patterns(job)})


def _show_association(job: Job, _title: str, _seconds: float) -> None:
    show_rows("learnability", "Each beside its control", learnability_facts(job))
    if job.space.pictured:
        show_text("classes", "### What sets each class apart", {"The pattern most a class's own": draw_classes(job)})


# Functions that show the result of a step, by the stage's name. Their arguments are job, title and seconds of work.
SHOWN: dict[str, Callable[[Job, str, float], None]] = {
    "transform": _show_transform,
    "decompose": _show_pass,
    "project": _show_projection,
    "associate": _show_association,
}


@task(task_run_name="report", cache_policy=NO_CACHE)
def report(job: Job) -> None:
    """Write the report with its figures."""
    report_run(job, partial(stage_progress, unit="step"))


@task(task_run_name="seal", cache_policy=NO_CACHE)
def seal(job: Job, seconds: dict[str, float]) -> Manifest:
    """Write the manifest, which finishes the run."""
    manifest = seal_run(job, seconds)
    show_text("verdict", f"### {job.run_id}\n\n{verdict(manifest.learnability)}")
    return manifest


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.monotonic()
    try:
        yield
    finally:
        seconds[stage] = round(seconds.get(stage, 0) + time.monotonic() - start, 3)


analysis = analysis_of(None)
