"""Commands that start Prefect and Dask: run, audit and monitor."""

import signal
import sys
import threading
from typing import TYPE_CHECKING

from flows.cli.ending import interruptible, leave
from flows.cli.flags import Config, Flags, chosen_settings
from flows.cli.terminal import display, note
from flows.cli.upkeep import DecisionsFile, Folder, GateFlags
from flows.tracking.session import load_prefect, prefect_session
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace
from storage.settings import Settings

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tasks.planning.outlook import Outlook


def run(
    source: str,
    /,
    *,
    workspace: Folder = DEFAULT_WORKSPACE,
    config: Config = None,
    run_id: str | None = None,
    settings: Flags = None,
) -> None:
    """Analyse a dataset; an interrupted run continues where it stopped.

    Parameters
    ----------
    source
        A folder, a file or a URL in any of the formats of docs/inputs.md, or a name: digits, mnist, fashion-mnist,
        cifar10, cifar100.
    run_id
        Name of the run; by default made from the time.
    """
    chosen = chosen_settings(settings, config)
    with interruptible(), prefect_session() as session:
        space, outlook = _ready(source, workspace, chosen, run_id)
        from flows.analysis import analysis_of  # noqa: PLC0415
        from flows.tracking.server import ServerLostError, server_loss_explained  # noqa: PLC0415

        before = space.latest_id()
        try:
            with session.reporting(note), server_loss_explained():
                finished = analysis_of(outlook)(source, workspace, chosen, run_id)
        except ServerLostError as error:
            newest = space.latest_id()
            if newest is not None and newest != before:
                display(_summary(space, newest))
                leave(f"eigenwave: the run is finished, but Prefect does not know: {error}\n", 0)
            leave(f"eigenwave: {error}\n", error.exit_code)
        display(_summary(space, finished))


def audit(  # noqa: PLR0913 - each is a word of the command
    source: str,
    /,
    *,
    fail_if: GateFlags = (),
    against: str = "latest",
    workspace: Folder = DEFAULT_WORKSPACE,
    config: Config = None,
    run_id: str | None = None,
    decisions: DecisionsFile = None,
    settings: Flags = None,
) -> None:
    """Analyse a dataset and report how it drifted since an earlier run; a gate sets the exit status.

    Parameters
    ----------
    source
        As for run.
    against
        Run to compare with: an id, a path, or latest, which is the last run of this source.
    run_id
        Name of the run; by default made from the time.
    """
    from flows.cli.summary import comparison_summary  # noqa: PLC0415
    from tasks.compare.audit import GateError, require_baseline  # noqa: PLC0415
    from tasks.compare.gates import Gate  # noqa: PLC0415
    from tasks.issues.decisions import Decisions, decisions_file  # noqa: PLC0415

    chosen = chosen_settings(settings, config)
    for gate in fail_if:
        Gate.parse(gate)
    require_baseline(Workspace(workspace), against, chosen)
    Decisions.read(decisions_file(decisions, Workspace(workspace)))
    with interruptible(), prefect_session() as session:
        space, outlook = _ready(source, workspace, chosen, run_id)
        from flows.audit import audit_of  # noqa: PLC0415
        from flows.tracking.server import ServerLostError, server_loss_explained  # noqa: PLC0415

        failure = None
        try:
            with session.reporting(note), server_loss_explained():
                found = audit_of(outlook)(source, workspace, fail_if, against, chosen, run_id, decisions)
        except GateError as error:
            failure, found = error, error.audit
        except ServerLostError as error:
            leave(f"eigenwave: {error}\n", error.exit_code)
    display(_summary(space, found.run_id))
    if found.comparison and found.before and found.folder:
        display(comparison_summary(found.before, found.run_id, found.comparison, found.folder))
    else:
        display("\nThere is no earlier run of this source to compare with.")
    if failure:
        raise failure


def monitor(*, workers: int | None = None) -> None:
    """Start a Prefect server and Dask workers on this machine, and print how to send runs there and watch them.

    Parameters
    ----------
    workers
        Worker processes; by default one a core.
    """
    from flows.monitor import monitoring  # noqa: PLC0415

    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    with monitoring(workers, note) as instructions:
        sys.stdout.write(instructions)
        sys.stdout.flush()
        ended.wait()


def _ready(source: str, workspace: str, settings: Settings, run_id: str | None) -> tuple[Workspace, "Outlook"]:
    """Plan the run, prepare the workspace and load Prefect.

    Wrong input is refused first, before Prefect, which starts slowly.
    """
    from storage.runs.workspace import checked_run_id  # noqa: PLC0415
    from tasks.planning.outlook import plan_run  # noqa: PLC0415

    if run_id is not None:
        checked_run_id(run_id)
    outlook = plan_run(source, settings)
    space = Workspace(workspace)
    space.prepare()
    for finding in outlook.findings:
        note(finding.text)
    note("starting Prefect ...")
    load_prefect()
    return space, outlook


def _summary(space: Workspace, run_id: str) -> "RenderableType":
    from flows.cli.summary import run_summary  # noqa: PLC0415
    from storage.runs.run import Run  # noqa: PLC0415

    return run_summary(Run(space.run(run_id)))
