"""The order and fan-out of a run's stages, without Prefect. Stages continue from the state on disk."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import NamedTuple

from flows.workers.fanout import Fanout, T
from storage.errors import ClusterLostError, EigenwaveError, InputError
from storage.runs.manifest import Manifest
from storage.runs.run import Run
from tasks.associate.coordinates import forget_coordinates, write_coordinates
from tasks.associate.image_tables import write_samples
from tasks.associate.judge import finish_summary, finish_verdicts, judge_shards
from tasks.associate.summarise import summarise_shards
from tasks.associate.suspects import tabulate_suspects
from tasks.associate.tables import associate_patterns
from tasks.compare.audit import record_drift
from tasks.compare.runs import MapSum
from tasks.decompose.passes import finish_pass, open_solver, share_of_shard
from tasks.decompose.patterns import begin_projection, patterns_are_there
from tasks.decompose.project import finish_projection, project_shard
from tasks.inspect.copies import find_copies, write_copies
from tasks.inspect.search import begin_search, scale_scores, search_shards
from tasks.inspect.tables import tabulate_copies
from tasks.issues.tabulate import tabulate_issues
from tasks.planning.memory import association_shards, neighbour_shards, require_memory, result_bytes
from tasks.planning.outlay import outlays
from tasks.planning.place import work_seconds
from tasks.quality.tabulate import tabulate_quality
from tasks.report.page import STEPS, write_report
from tasks.report.thumbnails import keep_thumbnails
from tasks.run.begin import start_over
from tasks.run.job import Job
from tasks.run.results import Judges, Projected, Summary, Verdicts, require_all
from tasks.run.seal import describe_run, seal_run
from tasks.run.state import has_properties, has_state, passes_done
from tasks.run.worker import complaint, installed_code
from tasks.transform.around import begin_transform, finish_transform
from tasks.transform.mirrored import mirror_sample
from tasks.transform.shard import count_changed, transform_shard

INTEGER_BYTES = 8  # largest size of a count

# Shows the progress of a stage by its name and its number of shards or steps; the block calls a function after each.
Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
# Does one step of a stage unless it is done; returns whether it did, or a sentence why it could not.
Work = Callable[[Job, Fanout, Progress], bool | str]


class Stage(NamedTuple):
    """A stage between the plan and the report: its name, and its named steps; a step is chosen after the last one."""

    name: str
    steps: Callable[[Job], Iterable[tuple[str, Work]]]


def seconds_of(job: Job) -> float:
    """Projected seconds that one worker takes for all stages that workers share."""
    settings = job.settings
    passes, neighbours = settings.decomposition.fixed_passes, settings.judging.neighbours
    return work_seconds(outlays(job.plan, settings.association.permutations, passes, neighbours))


def stages_of(job: Job) -> list[Stage]:
    """List the stages of a run between the plan and the report, in order."""
    return [
        _single("transform", transform),
        Stage("decompose", _passes),
        Stage("project", _projections),
        _single("neighbours", find_neighbours),
        _single("associate", associate),
        *([_single("drift", drift)] if job.compared_with else []),
    ]


def _single(name: str, work: Work) -> Stage:
    return Stage(name, lambda _: [(name, work)])


def _passes(job: Job) -> Iterator[tuple[str, Work]]:
    while (number := next_pass(job)) is not None:
        yield f"decompose pass {number}", partial(decompose, number=number)


def _projections(job: Job) -> Iterator[tuple[str, Work]]:
    """Project images until the patterns are exact; a projection that finds they are not is another pass."""
    title = "project"
    while not has_state(job.paths.work.projection, Projected):
        yield title, project
        title = f"project after pass {passes_done(job)}"


@contextmanager
def silent(stage: str, shards: int) -> Iterator[Callable[[], None]]:  # noqa: ARG001 - a Progress
    """Show nothing."""
    yield lambda: None


def check_workers(job: Job, fanout: Fanout) -> None:
    """Refuse workers that run other code, do not see the workspace, or have too little memory for the plan.

    Raises
    ------
    EigenwaveError
        If there are such workers.
    """
    fanout.check(partial(complaint, job, installed_code()))
    limit = fanout.worker_memory  # asked once: workers may come and go
    if limit:
        try:
            require_memory(job.plan, job.settings.association.permutations, limit)
        except ValueError as error:
            raise InputError(str(error)) from None


def transform(job: Job, fanout: Fanout, progress: Progress) -> bool:
    """Decode and wavelet-transform all images, with the first pass of the decomposition; False if that was done.

    A continued run starts over if images changed after they were transformed.
    """
    if job.paths.work.transformed.exists():
        # A run that an earlier version began has no units, products of scales or properties.
        if (
            job.paths.work.units.exists()
            and job.paths.work.scale_images.exists()
            and (has_properties(job) or not job.space.pictured)
            and not _changed_images(job, fanout, progress)
        ):
            return False
        start_over(job)
    begin_transform(job)
    finish_transform(job, _over_all(job, fanout, progress, "transform", partial(transform_shard, job)))
    return True


def _changed_images(job: Job, fanout: Fanout, progress: Progress) -> int:
    with progress("look for changes", job.plan.shards) as advance:
        return fanout.map_sum(partial(count_changed, job), range(job.plan.shards), advance, INTEGER_BYTES)


def next_pass(job: Job) -> int | None:
    """Return the next pass of the decomposition, or None if no more is needed."""
    return None if patterns_are_there(job) else open_solver(job).next_pass()


def decompose(job: Job, fanout: Fanout, progress: Progress, number: int) -> bool:
    """Make one pass of the decomposition over the fitted images."""
    shards = job.plan.fitted_shards
    with progress(f"decompose pass {number}", len(shards)) as advance:
        total = fanout.map_sum(partial(share_of_shard, job, number), shards, advance, _result_bytes(job, "pass"))
    finish_pass(job, number, total)
    return True


def project(job: Job, fanout: Fanout, progress: Progress) -> bool:
    """Compute the scores of all images on the patterns; returns whether the patterns are exact."""
    number = begin_projection(job)
    function = partial(project_shard, job, number)
    return finish_projection(job, number, _over_all(job, fanout, progress, "project", function))


def find_neighbours(job: Job, fanout: Fanout, progress: Progress) -> bool | str:
    """Look for near-duplicates among all images. If there are too many or too few, only exact copies are found."""
    if job.paths.work.copies.exists():
        return False
    problem = begin_search(job)
    if problem is None:
        if job.space.pictured:
            mirror_sample(job)
        scale_scores(job)
        shards = neighbour_shards(job.plan)
        with progress("neighbours", len(shards)) as advance:
            done = fanout.map_sum(partial(search_shards, job), shards, advance, INTEGER_BYTES)
        require_all(done, job.plan.shards, "searched")
    finish_copies(job, searched=problem is None)
    return problem or True


def associate(job: Job, fanout: Fanout, progress: Progress) -> bool:
    """Summarize the scores, then judge single images by the statistics of all, then write the tables."""
    if not has_state(job.paths.work.summary, Summary) or not has_state(job.paths.work.judges, Judges):
        job.paths.work.verdicts.unlink()
        forget_coordinates(job)
        finish_summary(job, _over_all(job, fanout, progress, "summarise", partial(summarise_shards, job)))
    if not has_state(job.paths.work.verdicts, Verdicts):
        finish_verdicts(job, _over_all(job, fanout, progress, "judge", partial(judge_shards, job)))
    associate_patterns(job)
    tabulate_images(job)
    write_coordinates(job)
    return True


def drift(job: Job, fanout: Fanout, progress: Progress) -> bool | str:
    """Measure the drift since the run before. If the two cannot be compared, the run continues without it."""
    if job.paths.table("compared_runs").exists():
        return False
    try:
        map_sum = over_runs(fanout, progress, _result_bytes(job, "drift"))
        record_drift(job.workspace, Run(job.paths, describe_run(job)), job.paths.tables, map_sum)
    except ClusterLostError:
        raise
    except EigenwaveError as error:
        return str(error)
    return True


def over_runs(fanout: Fanout, progress: Progress = silent, result_bytes: int = 0) -> MapSum:
    """Return the function by which a comparison adds up over the shards of finished runs."""

    def map_sum(function: Callable[[int], T], shards: range) -> T:
        with progress("drift", len(shards)) as advance:
            return fanout.map_sum(function, shards, advance, result_bytes)

    return map_sum


def _over_all(job: Job, fanout: Fanout, progress: Progress, stage: str, function: Callable[[int], T]) -> T:
    shards = range(job.plan.shards)
    if stage in {"summarise", "judge"}:
        shards = association_shards(job.plan, job.settings.association.permutations)
    with progress(stage, len(shards)) as advance:
        return fanout.map_sum(function, shards, advance, _result_bytes(job, stage))


def _result_bytes(job: Job, stage: str) -> int:
    return result_bytes(job.plan, job.settings.association.permutations)[stage]


def run_stages(job: Job, fanout: Fanout, progress: Progress = silent) -> Manifest:
    """Run all stages after the plan, one after the other, driven by this process."""
    compute(job, fanout, progress)
    report_run(job)
    return seal_run(job, {})


def compute(job: Job, fanout: Fanout, progress: Progress = silent) -> None:
    """Run all stages between the plan and the report."""
    for stage in stages_of(job):
        for _, work in stage.steps(job):
            work(job, fanout, progress)


def report_run(job: Job, progress: Progress = silent) -> None:
    """Write the report, the last file before the manifest."""
    with progress("report", STEPS) as advance:
        write_report(Run(job.paths, describe_run(job)), advance)


def finish_copies(job: Job, *, searched: bool = True) -> None:
    """Write the tables of copies, and then the state that marks the search as done."""
    copies = find_copies(job, searched=searched)
    tabulate_copies(job, copies)
    write_copies(job, copies)


def tabulate_images(job: Job) -> None:
    """Write the tables of single images."""
    write_samples(job)
    tabulate_suspects(job)
    tabulate_quality(job)
    tabulate_issues(job)
    keep_thumbnails(job)
