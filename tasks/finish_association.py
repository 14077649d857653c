"""After each pass over the scores: keep what all shards gave."""

from storage.errors import EigenwaveError
from tasks.begin_run import Job
from tasks.blas import single_threaded
from tasks.judge_shard import Judges, Verdicts
from tasks.keep_state import save_state
from tasks.summarise_shard import Summary


@single_threaded
def finish_summary(job: Job, result: Summary) -> None:
    """Keep the sums over all scores, and fit from them what images are judged by.

    Raises
    ------
    EigenwaveError
        If shards are missing.
    """
    _require_all(job, result.shards)
    judges = Judges.of(result.histogram, result.scatter, other_split=job.plan.other_split)
    save_state(job.paths.judges, judges)
    save_state(job.paths.summary, result)


def finish_verdicts(job: Job, result: Verdicts) -> None:
    """Keep what all judged images add up to.

    Raises
    ------
    EigenwaveError
        If shards are missing.
    """
    _require_all(job, result.shards)
    save_state(job.paths.verdicts, result)


def _require_all(job: Job, shards: int) -> None:
    if shards != job.plan.shards:
        raise EigenwaveError(f"The scores of only {shards} of {job.plan.shards} shards were taken; run again.")
