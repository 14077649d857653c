"""Commands about finished runs: list, show, report and reconstruct."""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.answer import Answer, write_page
from flows.cli.terminal import display, say
from flows.cli.upkeep import Folder
from storage.datasets.findings import counted
from storage.errors import InputError
from storage.runs.workspace import DEFAULT_WORKSPACE, RunPaths, Workspace

if TYPE_CHECKING:
    from flows.documents.runs import ListedRun, Runs
    from storage.runs.manifest import Manifest

UNFINISHED = "unfinished, or still running: the same eigenwave run command continues it"
DAMAGED = "its manifest and the copy of it are damaged: run again"


def list_runs(*, workspace: Folder = DEFAULT_WORKSPACE) -> Answer:
    """Show the runs in a workspace."""
    from flows.cli.summary import list_summary  # noqa: PLC0415 - each command imports what it needs

    space = Workspace(workspace)
    runs = [(paths.run_id, _state(paths)) for paths in space.runs()]
    latest = space.latest_id()
    nothing = f"The workspace {workspace} has no runs; eigenwave run SOURCE makes one."
    return Answer(
        lambda: _document(workspace, latest, runs), lambda: display(list_summary(runs, latest) if runs else nothing)
    )


def _state(paths: RunPaths) -> "Manifest | str":
    """The manifest of a run, or UNFINISHED or DAMAGED if it has none."""
    from storage.runs.verify import sound_manifest  # noqa: PLC0415

    if not paths.finished:
        return UNFINISHED
    try:
        return sound_manifest(paths)
    except InputError:
        return DAMAGED


def _document(workspace: str, latest: str | None, runs: "list[tuple[str, Manifest | str]]") -> "Runs":
    from flows.documents.runs import Runs  # noqa: PLC0415

    return Runs(workspace=workspace, latest=latest, runs=[_listed(*each) for each in runs])


def _listed(run_id: str, manifest: "Manifest | str") -> "ListedRun":
    from flows.documents.runs import ListedRun  # noqa: PLC0415

    if isinstance(manifest, str):
        return ListedRun(run_id=run_id, state="unfinished" if manifest == UNFINISHED else "damaged")
    row = manifest.learnability
    return ListedRun(
        run_id=run_id,
        state="finished",
        source=manifest.source,
        created=manifest.created,
        images=manifest.plan["images"],
        learnability=row["learnability"],
        shuffled_mean=row["shuffled_mean"],
    )


def show(run: str = "latest", /, *, workspace: Folder = DEFAULT_WORKSPACE) -> Answer:
    """Show the summary of a finished run again.

    Parameters
    ----------
    run
        The run: its id, its path, or latest.
    """
    from flows.cli.summary import run_summary  # noqa: PLC0415
    from flows.documents.runs import Shown, Summary  # noqa: PLC0415
    from storage.runs.run import Run  # noqa: PLC0415

    found = Run(Workspace(workspace).find(run))
    return Answer(lambda: Shown(run=Summary.of(found)), lambda: display(run_summary(found)))


def report(
    run: str = "latest",
    /,
    *,
    share: Path | None = None,
    thumbnails: bool = True,
    workspace: Folder = DEFAULT_WORKSPACE,
) -> Answer:
    """Write report.html and the figures of a finished run again, with what it was asked since.

    Parameters
    ----------
    run
        The run: its id, its path, or latest.
    share
        Instead write a copy for others to this file: without folders above the dataset, addresses or machines.
    thumbnails
        Show small pictures of single images in that copy.
    """
    from flows.documents.runs import Reported  # noqa: PLC0415
    from tasks.report.page import rewrite_report, shared_page  # noqa: PLC0415

    space = Workspace(workspace).home(run)
    if share is not None:
        found = space.find(run)
        write_page(share, shared_page(space, found, thumbnails=thumbnails), "--share")
        return Answer(lambda: Reported(run_id=found.run_id, report=str(share)), lambda: say(str(share)))
    if not thumbnails:
        raise InputError("--no-thumbnails is about the copy that --share FILE writes; runs take it too.")
    with space.lock():
        paths = space.find(run)
        path = rewrite_report(space, paths)
    return Answer(lambda: Reported(run_id=paths.run_id, report=str(path)), lambda: say(str(path)))


def reconstruct(  # noqa: PLR0913 - each is a word of the command
    run: str = "latest",
    /,
    *,
    sample: str,
    rank: int | None = None,
    steps: bool = False,
    output: Path | None = None,
    workspace: Folder = DEFAULT_WORKSPACE,
) -> Answer:
    """Write an image as the sum of its first patterns, as PNG.

    Parameters
    ----------
    run
        The run: its id, its path, or latest.
    sample
        The image's key, as in the table samples.
    rank
        Sum this many patterns; by default all.
    steps
        Write a strip instead that shows how the sum grows and what each step adds.
    output
        Write to this file; by default it is named after the image, in the current folder.
    """
    from flows.documents.runs import Reconstructed  # noqa: PLC0415
    from storage.runs.run import Run  # noqa: PLC0415
    from tasks.report.reconstruct import reconstruct_image  # noqa: PLC0415

    path = output or Path(f"{Path(sample).stem}-{'steps' if steps else 'sum'}.png")
    found = reconstruct_image(Run(Workspace(workspace).find(run)), sample, rank, path, steps=steps)
    quality = "exactly" if found.psnr is None else f"{found.psnr:.1f} dB"
    return Answer(
        lambda: Reconstructed(path=str(path), sample=sample, rank=found.rank, psnr=found.psnr),
        lambda: say(f"{path}: {sample} from {counted(found.rank, 'pattern')}, {quality}"),
    )
