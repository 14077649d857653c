"""Commands that start Prefect and Dask: run, audit and monitor."""

import signal
import sys
import threading
from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING

from flows.cli.answer import Answer
from flows.cli.ending import interruptible, leave
from flows.cli.flags import Config, Flags, chosen_settings
from flows.cli.notify import Notify, notify_all, require_places
from flows.cli.terminal import display, note
from flows.cli.upkeep import DecisionsFile, Folder, GateFlags
from flows.tracking.session import load_prefect, prefect_session
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace
from storage.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.documents.runs import Audited
    from flows.monitor import Monitoring
    from storage.runs.run import Run
    from tasks.compare.audit import Audit
    from tasks.compare.gates import Gate
    from tasks.planning.outlook import Outlook


def run(  # noqa: PLR0913 - each is a word of the command
    source: str,
    /,
    *,
    workspace: Folder = DEFAULT_WORKSPACE,
    config: Config = None,
    run_id: str | None = None,
    notify: Notify = (),
    settings: Flags = None,
) -> Iterator[Answer]:
    """Analyze a dataset; an interrupted run continues where it stopped.

    Parameters
    ----------
    source
        A folder, a file or a URL in any of the formats of docs/inputs.md, or a name: digits, mnist, fashion-mnist,
        cifar10, cifar100.
    run_id
        Call the run this; by default its name is made from the time.
    """
    chosen = chosen_settings(settings, config)
    require_places(notify)
    with interruptible() as finished, prefect_session() as session:
        space, outlook = _ready(source, workspace, chosen, run_id)
        from flows.analysis import analysis_of  # noqa: PLC0415
        from flows.tracking.server import ServerLostError, server_loss_explained  # noqa: PLC0415

        before = space.latest_id()
        try:
            with session.reporting(note), server_loss_explained():
                made = analysis_of(outlook)(source, workspace, chosen, run_id)
        except ServerLostError as error:
            newest = space.latest_id()
            if newest is not None and newest != before:
                finished()
                yield _analysed(space, newest, notify)
                leave(f"eigenwave: the run is finished, but Prefect does not know: {error}\n", 0)
            leave(f"eigenwave: {error}\n", error.exit_code)
        finished()
        yield _analysed(space, made, notify)


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
    notify: Notify = (),
    settings: Flags = None,
) -> Answer:
    """Analyze a dataset and report how it drifted since an earlier run; a gate sets the exit status.

    Parameters
    ----------
    source
        The dataset, as for eigenwave run.
    against
        Compare with this run: its id, its path, or latest, which is the last run of this source.
    run_id
        Call the run this; by default its name is made from the time.
    """
    from storage.runs.run import Run  # noqa: PLC0415
    from tasks.compare.audit import GateError, require_baseline  # noqa: PLC0415
    from tasks.compare.gates import Gate  # noqa: PLC0415
    from tasks.issues.decisions import Decisions, decisions_file  # noqa: PLC0415

    chosen = chosen_settings(settings, config)
    gates = [Gate.parse(gate) for gate in fail_if]
    require_places(notify)
    require_baseline(Workspace(workspace), against, chosen)
    Decisions.read(decisions_file(decisions, Workspace(workspace)))
    with interruptible() as finished, prefect_session() as session:
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
        finished()
        analysed = Run(space.run(found.run_id))
        answer = Answer(lambda: _audited(analysed, found, gates), lambda: _show_audit(analysed, found), failure)
        notify_all(notify, answer)
    return answer


def _show_audit(analysed: "Run", found: "Audit") -> None:
    from flows.cli.summary import comparison_summary, run_summary  # noqa: PLC0415

    display(run_summary(analysed))
    if found.comparison and found.before and found.folder:
        display(comparison_summary(found.before, found.run_id, found.comparison, found.folder))
    else:
        display("\nThere is no earlier run of this source to compare with.")


def _audited(analysed: "Run", found: "Audit", gates: "Sequence[Gate]") -> "Audited":
    from flows.documents.runs import Audited, Change, Summary  # noqa: PLC0415

    change = None
    if found.comparison and found.before:
        change = Change.of((found.before, found.run_id), found.comparison, found.folder, gates)
    return Audited(run=Summary.of(analysed), change=change)


def monitor(*, workers: int | None = None) -> Iterator[Answer]:
    """Start a Prefect server and Dask workers on this machine, and print how to send runs there and watch them.

    Parameters
    ----------
    workers
        Start this many worker processes; by default one a core.
    """
    from flows.documents.runs import Monitored  # noqa: PLC0415
    from flows.monitor import monitoring  # noqa: PLC0415

    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    with monitoring(workers, note) as found:
        yield Answer(lambda: Monitored(**found._asdict()), lambda: print_instructions(found))
        ended.wait()


def print_instructions(found: "Monitoring") -> None:
    """Print for people where a Prefect server and Dask workers are, and how to send runs there."""
    sys.stdout.write(
        f"Runs      {found.runs}\n"
        f"Workers   {found.workers}\n"
        f"Numbers   {' and '.join(found.metrics)}, for Prometheus\n"
        f"Password  {found.password} (user and password, which all of them ask for)\n\n"
        "To see runs there, start them in another terminal:\n\n"
        f"    . {quote(found.environment)}\n"
        "    eigenwave run SOURCE\n\n"
        "Press Ctrl-C to stop both.\n"
    )


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


def _analysed(space: Workspace, run_id: str, places: "Sequence[str]") -> Answer:
    from flows.cli.summary import run_summary  # noqa: PLC0415
    from flows.documents.runs import Analysed, Summary  # noqa: PLC0415
    from storage.runs.run import Run  # noqa: PLC0415

    found = Run(space.run(run_id))
    answer = Answer(lambda: Analysed(run=Summary.of(found)), lambda: display(run_summary(found)))
    notify_all(places, answer)
    return answer
