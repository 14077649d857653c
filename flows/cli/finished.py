"""Commands about finished runs: list, show, report and reconstruct."""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.terminal import display, say
from flows.cli.upkeep import Folder
from storage.errors import InputError
from storage.runs.workspace import DEFAULT_WORKSPACE, RunPaths, Workspace

if TYPE_CHECKING:
    from storage.runs.manifest import Manifest


def list_runs(*, workspace: Folder = DEFAULT_WORKSPACE) -> None:
    """Show the runs in a workspace."""
    from flows.cli.summary import list_summary  # noqa: PLC0415

    space = Workspace(workspace)
    runs = space.runs()
    display(
        list_summary(((paths.run_id, _state(paths)) for paths in runs), space.latest_id())
        if runs
        else f"The workspace {workspace} has no runs; eigenwave run SOURCE makes one."
    )


def _state(paths: RunPaths) -> "Manifest | str":
    """The manifest of a run, or the reason why it has none."""
    from storage.runs.verify import sound_manifest  # noqa: PLC0415

    if not paths.finished:
        return "unfinished, or still running: the same eigenwave run command continues it"
    try:
        return sound_manifest(paths)
    except InputError:
        return "its manifest and the copy of it are damaged: run again"


def show(run: str = "latest", /, *, workspace: Folder = DEFAULT_WORKSPACE) -> None:
    """Show the summary of a finished run again.

    Parameters
    ----------
    run
        A run id, a path, or: latest.
    """
    from flows.cli.summary import run_summary  # noqa: PLC0415
    from storage.runs.run import Run  # noqa: PLC0415

    display(run_summary(Run(Workspace(workspace).find(run))))


def report(run: str = "latest", /, *, workspace: Folder = DEFAULT_WORKSPACE) -> None:
    """Write report.html and the figures of a finished run again.

    Parameters
    ----------
    run
        A run id, a path, or: latest.
    """
    from tasks.report.page import rewrite_report  # noqa: PLC0415

    space = Workspace(workspace)
    with space.lock():
        path = rewrite_report(space.find(run))
    say(str(path))


def reconstruct(  # noqa: PLR0913 - each is a word of the command
    run: str = "latest",
    /,
    *,
    sample: str,
    rank: int | None = None,
    steps: bool = False,
    output: Path | None = None,
    workspace: Folder = DEFAULT_WORKSPACE,
) -> None:
    """Write an image as the sum of its first patterns, as PNG.

    Parameters
    ----------
    run
        A run id, a path, or: latest.
    sample
        The image's key, as in the table samples.
    rank
        Number of patterns to sum; by default all.
    steps
        Write a strip instead that shows how the sum grows and what each step adds.
    output
        The file to write; by default named after the image, in the current folder.
    """
    from storage.runs.run import Run  # noqa: PLC0415
    from tasks.report.reconstruct import reconstruct_image  # noqa: PLC0415

    path = output or Path(f"{Path(sample).stem}-{'steps' if steps else 'sum'}.png")
    found = reconstruct_image(Run(Workspace(workspace).find(run)), sample, rank, path, steps=steps)
    quality = "exactly" if found.psnr is None else f"{found.psnr:.1f} dB"
    say(f"{path}: {sample} from {found.rank} patterns, {quality}")
