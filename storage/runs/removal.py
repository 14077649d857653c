"""Remove runs, so that a process that is killed meanwhile leaves each of them whole or not at all."""

from collections.abc import Collection

from storage.runs.workspace import Workspace
from storage.stores.files import remove_folder, write_file


def remove_runs(workspace: Workspace, run_ids: Collection[str]) -> None:
    """Remove runs with all that the workspace keeps about them. Their shards stay until `collect` removes them.

    A mark is written first: a run with a mark does not exist any more, whatever is left of its files. An object store
    cannot rename a folder, which would do the same.

    Parameters
    ----------
    workspace
        The workspace, which must be locked.
    run_ids
        Ids of the runs.
    """
    for run_id in run_ids:
        write_file(workspace.removal(run_id), run_id.encode())
        _finish(workspace, run_id)


def finish_removals(workspace: Workspace) -> list[str]:
    """Finish removals that were interrupted; return the ids of the runs."""
    begun = workspace.removals()
    for run_id in begun:
        _finish(workspace, run_id)
    return begun


def _finish(workspace: Workspace, run_id: str) -> None:
    paths = workspace.run(run_id)
    # Without its manifests, the run is not taken for a finished one by whoever opens it by its path.
    for path in (paths.manifest, paths.manifest_copy, workspace.seen(run_id), workspace.audit(run_id)):
        path.unlink()
    workspace.tags(run_id).unlink()
    for folder in (workspace.associations / run_id, paths.folder):
        remove_folder(folder)
    workspace.removal(run_id).unlink()
