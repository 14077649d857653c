"""Run an analysis stage by stage in this process, and print the memory of each stage beside the plan's projection."""

import ctypes
import json
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

from flows import stages
from flows.stages import finish_copies, report_run, tabulate_images
from flows.workers.fanout import InlineFanout
from storage.runs.run import Run
from storage.runs.workspace import RunPaths, Workspace
from storage.settings import Settings
from storage.stores.open import open_path
from tasks.associate.coordinates import write_coordinates
from tasks.associate.judge import finish_summary, finish_verdicts, judge_shards
from tasks.associate.summarise import summarise_shards
from tasks.associate.tables import associate_patterns
from tasks.compare.runs import compare_runs
from tasks.decompose.passes import finish_pass, share_of_shard
from tasks.decompose.patterns import begin_projection
from tasks.decompose.project import finish_projection, project_shard
from tasks.inspect.search import begin_search, scale_scores, search_shards
from tasks.planning.memory import association_shards, neighbour_shards, stage_memory
from tasks.run.begin import begin_run
from tasks.run.seal import describe_run
from tasks.transform.around import begin_transform, finish_transform
from tasks.transform.mirrored import mirror_sample
from tasks.transform.shard import transform_shard
from tests.structure import ROOT

OUTLAYS = {  # of a plan: what is measured of each
    "transform": ["transform"],
    "decompose": ["pass"],
    "project": ["solve", "project"],
    "neighbours": ["copies", "neighbours"],
    "associate": ["summarise", "judge", "associate"],
}


def peak_since_reset(process="self"):
    """Peak resident bytes of a process since the last call; the kernel keeps it as VmHWM."""
    status = Path(f"/proc/{process}/status").read_text()
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    Path(f"/proc/{process}/clear_refs").write_text("5")
    return peak


def passed_bytes():
    """Bytes that this process has read and written, from the page cache or not."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return {"read": int(counts["rchar"]), "written": int(counts["wchar"])}


def copied(paths):
    """A copy of a run, elsewhere, so that it is taken for another."""
    copy = RunPaths(open_path(f"{paths.folder}-before"))
    for path in paths.folder.files():
        path.store.copy(path.key, f"{paths.folder.key}-before/{path.relative_to(paths.folder)}")
    return copy


def main(source, workspace, settings, last):
    import distributed  # noqa: F401, PLC0415 - a real process has these loaded
    import prefect  # noqa: F401, PLC0415

    space = Workspace(workspace)
    space.prepare()
    chosen = Settings(**json.loads(settings))
    job = begin_run(source, chosen, space)
    fanout, peaks, costs = InlineFanout(), {}, {}

    def measured(stage, function, *arguments):
        ctypes.CDLL(None).malloc_trim(0)  # what a stage left behind is not of the next
        peak_since_reset()
        before = Counter(passed_bytes() | {"seconds": time.process_time()})
        result = function(*arguments)
        cost = Counter(passed_bytes() | {"seconds": time.process_time()})
        cost.subtract(before)
        costs[stage] = costs.get(stage, Counter()) + cost
        peaks[stage] = max(peaks.get(stage, 0), peak_since_reset())
        return result

    measured("sample", begin_transform, job)
    result = measured("transform", fanout.map_sum, partial(transform_shard, job), range(job.plan.shards), int, 0)
    measured("solve scales", finish_transform, job, result)
    while (number := stages.next_pass(job)) is not None:
        shards = job.plan.fitted_shards
        total = measured("pass", fanout.map_sum, partial(share_of_shard, job, number), shards, int, 0)
        measured("solve", finish_pass, job, number, total)
        del total
    exact = False
    while not exact:
        number = measured("solve", begin_projection, job)
        function = partial(project_shard, job, number)
        result = measured("project", fanout.map_sum, function, range(job.plan.shards), int, 0)
        exact = measured("solve", finish_projection, job, number, result)
    del result
    measured("copies", begin_search, job)
    measured("sample", mirror_sample, job)
    measured("copies", scale_scores, job)
    result = measured("neighbours", fanout.map_sum, partial(search_shards, job), neighbour_shards(job.plan), int, 0)
    measured("copies", finish_copies, job)
    for stage, function, finish in (
        ("summarise", summarise_shards, finish_summary),
        ("judge", judge_shards, finish_verdicts),
    ):
        shards = association_shards(job.plan, chosen.association.permutations)
        result = measured(stage, fanout.map_sum, partial(function, job), shards, int, 0)
        measured(stage, finish, job, result)
        del result
    measured("associate", associate_patterns, job)
    if last == "report":
        measured("report", tabulate_images, job)
        measured("report", write_coordinates, job)
        before, after = (Run(paths, describe_run(job)) for paths in (copied(job.paths), job.paths))
        measured("drift", compare_runs, before, after, stages.over_runs(fanout))
        measured("report", report_run, job)
    projected = stage_memory(job.plan, chosen.association.permutations)
    sys.stdout.write(json.dumps({"measured": peaks, "projected": projected, "costs": costs}))


def measure(source, folder, last="report", **settings):
    """What a process of its own measures of a run: peak bytes, projected bytes, and costs, by stage until the last."""
    command = [sys.executable, __file__, source, folder, json.dumps(settings), last]
    environment = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)


def beside_outlays(costs, estimate):
    """Of what each stage read, wrote and took: measured, and on paper."""
    return {
        (stage, what): (
            sum(costs.get(part, {}).get(what, 0) for part in parts),
            getattr(estimate.outlays[stage], on_paper),
        )
        for stage, parts in OUTLAYS.items()
        for what, on_paper in (("read", "read"), ("written", "written"), ("seconds", "seconds"))
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
