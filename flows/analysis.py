"""The main job as a Prefect flow: one task a stage, each continuing from what the stages before it have on disk."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows import stages
from flows.stages import report_run
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
from flows.tracking.progress import stage_progress
from flows.workers.fanout import Fanout
from flows.workers.open import open_fanout
from storage.errors import ClusterLostError, InputError
from storage.runs.manifest import Manifest
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace
from storage.settings import Settings
from tasks.report.verdict import verdict
from tasks.run.begin import begin_run
from tasks.run.job import Job
from tasks.run.seal import seal_run

RECONNECT_SECONDS = (10, 30, 90)  # a scheduler that Kubernetes starts again is back within a minute


@flow(name="analysis", flow_run_name="{source}")
@cancellable
def analysis(
    source: SourceField,
    workspace: WorkspaceField = DEFAULT_WORKSPACE,
    settings: SettingsField = Settings(),  # noqa: B008 - frozen
    run_id: RunIdField = None,
) -> str:
    """Analyse an image-classification dataset, or continue the analysis that was interrupted.

    Parameters
    ----------
    source
        A folder, a file or a URL in any of the formats of docs/inputs.md, or the name of a dataset, such as `digits`.
    workspace
        Folder or URL (s3://, gs://, az://) for runs and shards.
    settings
        How to analyse it.
    run_id
        Name of the run; by default made from the time.

    Returns
    -------
    str
        The run's id.
    """
    with analysed(source, workspace, settings, run_id) as job:
        return job.run_id


@contextmanager
def analysed(source: str, workspace: str, settings: Settings, run_id: str | None) -> Iterator[Job]:
    """All stages of a run but the last, which makes it a finished one when the block ends without an error."""
    space = Workspace(workspace)
    space.prepare()
    seconds: dict[str, float] = {}
    with space.lock() as lease:
        with _timed(seconds, "plan"):
            job = plan(source, settings, space, run_id)
        _fan_out(job, seconds)
        with _timed(seconds, "report"):
            report(job)
        yield job
        lease.require()
        seal(job, seconds)


def _fan_out(job: Job, seconds: dict[str, float]) -> None:
    """The stages that need workers; when those are lost, the stages continue as soon as there are others."""
    lost = False
    for wait in (*RECONNECT_SECONDS, None):
        try:
            with open_fanout(job.settings, get_run_logger().log) as fanout:
                show_dashboard(fanout.dashboard)
                stages.check_workers(job, fanout)
                _stages_on(fanout, job, seconds)
        except (ClusterLostError, InputError) as error:
            # Where a scheduler was, one may come back; where none was, waiting does not help.
            lost = lost or isinstance(error, ClusterLostError)
            if wait is None or not lost:
                raise
            get_run_logger().warning("%s Trying again in %d s.", error, wait)
            time.sleep(wait)
        else:
            return


def _stages_on(fanout: Fanout, job: Job, seconds: dict[str, float]) -> None:
    with _timed(seconds, "transform"):
        transform(job, fanout)
    with _timed(seconds, "decompose"):
        while (number := stages.next_pass(job)) is not None:
            decompose(job, fanout, number)
    with _timed(seconds, "project"):
        project(job, fanout)
    with _timed(seconds, "scales"):
        scales(job, fanout)
    with _timed(seconds, "associate"):
        associate(job, fanout)
    if job.compared_with:
        with _timed(seconds, "drift"):
            drift(job, fanout)


@task(task_run_name="plan", cache_policy=NO_CACHE)
def plan(source: str, settings: Settings, workspace: Workspace, run_id: str | None) -> Job:
    """Look at the dataset, check the settings, lay out the run."""
    job = begin_run(source, settings, workspace, run_id)
    show_facts("plan", plan_facts(job))
    return job


@task(task_run_name="transform", cache_policy=NO_CACHE)
def transform(job: Job, fanout: Fanout) -> None:
    """Decode and wavelet-transform all images; the first pass of the decomposition is part of it."""
    start = time.monotonic()
    if stages.transform(job, fanout, stage_progress):
        show_facts("transform", transform_facts(job, time.monotonic() - start))
        show_rows(
            "rejects", "Images that were set aside: how many for which reason, and the first by name", rejects(job)
        )


@task(task_run_name="decompose pass {number}", cache_policy=NO_CACHE)
def decompose(job: Job, fanout: Fanout, number: int) -> None:
    """One pass of the decomposition over the fitted images."""
    start = time.monotonic()
    stages.decompose(job, fanout, number, stage_progress)
    show_facts(f"decompose pass {number}", pass_facts(job, time.monotonic() - start))


@task(task_run_name="project", cache_policy=NO_CACHE)
def project(job: Job, fanout: Fanout) -> None:
    """Scores of all images on the patterns."""
    start = time.monotonic()
    if stages.project(job, fanout, stage_progress):
        show_facts("project", projection_facts(job, time.monotonic() - start))
        show_text("patterns", "### Leading patterns", {"Number, and share of the energy": draw_patterns(job)})


@task(task_run_name="scales", cache_policy=NO_CACHE)
def scales(job: Job, fanout: Fanout) -> None:
    """Each level, orientation and channel decomposed on its own."""
    stages.decompose_scales(job, fanout, stage_progress)


@task(task_run_name="associate", cache_policy=NO_CACHE)
def associate(job: Job, fanout: Fanout) -> None:
    """How strongly patterns and classes belong together, beside shuffled labels: all tables of it."""
    stages.associate(job, fanout, stage_progress)
    show_rows("learnability", "Each beside its control", learnability_facts(job))
    show_text("classes", "### What sets each class apart", {"The pattern most a class's own": draw_classes(job)})


@task(task_run_name="drift", cache_policy=NO_CACHE)
def drift(job: Job, fanout: Fanout) -> None:
    """What changed since the run before."""
    if problem := stages.compare(job, fanout, stage_progress):
        get_run_logger().warning("The drift since run %s is not told. %s", job.compared_with, problem)


@task(task_run_name="report", cache_policy=NO_CACHE)
def report(job: Job) -> None:
    """The report for people, with its figures."""
    report_run(job)


@task(task_run_name="seal", cache_policy=NO_CACHE)
def seal(job: Job, seconds: dict[str, float]) -> Manifest:
    """The manifest that makes the run a finished one."""
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
