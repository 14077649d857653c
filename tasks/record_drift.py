"""How the dataset drifted since the run before, as tables of the run's own."""

from storage.errors import InputError
from storage.run import Run
from storage.store import StorePath
from storage.workspace import Workspace
from tasks.compare_runs import MapSum, compare_runs, write_comparison


def record_drift(workspace: Workspace, run: Run, tables: StorePath, map_sum: MapSum) -> None:
    """Compare a run with the one before it, as its layout names it, and write the tables of that.

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
    name = run.manifest.layout["compared_with"]
    try:
        before = Run(workspace.find(name))
    except InputError:
        raise InputError(
            f"The run {name}, that run {run.paths.run_id} is compared with, is gone: how the dataset drifted between "
            "them cannot be computed; eigenwave compare tells it of other runs."
        ) from None
    write_comparison(tables, compare_runs(before, run, map_sum), {"first": name, "second": run.manifest.run_id})
