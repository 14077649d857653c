"""The command line. A command's module is imported when the command is called, so that each starts quickly."""

import sys
import time
from functools import partial
from typing import Annotated

from cyclopts import App, Group, Parameter

from flows.cli.answer import give_all
from flows.cli.boundary import status_of
from flows.cli.examples import epilogue
from flows.cli.terminal import note, open_streams, peak_memory, set_volume

STATUS = "Exit status: 0 done, 1 failed, 2 wrong input; docs/troubleshooting.md lists all."
# The function of each command, and the first line of its docstring, which --help shows without importing it.
COMMANDS = {
    "run": ("flows.cli.run:run", "Analyze a dataset; an interrupted run continues where it stopped."),
    "audit": (
        "flows.cli.run:audit",
        "Analyze a dataset and report how it drifted since an earlier run; a gate sets the exit status.",
    ),
    "monitor": (
        "flows.cli.run:monitor",
        "Start a Prefect server and Dask workers on this machine, and print how to send runs there and watch them.",
    ),
    "check": (
        "flows.cli.inputs:check",
        "Decode every image as a run would and report contents and problems; exit status 1 if a run would fail.",
    ),
    "plan": (
        "flows.cli.inputs:plan",
        "Show what a run would do and cost: shards, passes, bytes, memory, time. Computes nothing.",
    ),
    "issues": ("flows.cli.issues:issues", "List what to fix in a run's dataset, the most severe first."),
    "associate": (
        "flows.cli.associate:associate",
        "Ask what a run's patterns have to do with a column, such as a site, a camera or a property.",
    ),
    "explain": (
        "flows.cli.explain:explain",
        "Compare a network's features or logits with a run's patterns: what each predicts of the other.",
    ),
    "apply": (
        "flows.cli.fixes:apply",
        "Write a fixed dataset, a list or a folder of links, by the actions in a list of issues. Changes no image.",
    ),
    "decide": (
        "flows.cli.fixes:decide",
        "Remember the actions in a list of issues, so that these issues are not new again in any later run.",
    ),
    "export": (
        "flows.cli.fixes:export",
        "Write a run's images, labels and issues for other programs; images are linked, not copied.",
    ),
    "verify": ("flows.cli.upkeep:verify", "Verify that every file of a run is intact, and list those that are not."),
    "repair": ("flows.cli.upkeep:repair", "Restore damaged files of a run bit for bit, computing only what they need."),
    "gc": (
        "flows.cli.upkeep:gc",
        "Remove files that no run needs: shards that no run names, and leftovers of killed runs.",
    ),
    "prune": (
        "flows.cli.retention:prune",
        "Remove old runs by rules, and then files that no run needs. Lists the runs first, and asks.",
    ),
    "tag": (
        "flows.cli.retention:tag",
        "Give a run tags, by which eigenwave prune keeps it; without a tag, list those of the run.",
    ),
    "compare": (
        "flows.cli.upkeep:compare",
        "Report how a dataset drifted between two runs; a gate sets the exit status.",
    ),
    "history": (
        "flows.cli.history:history",
        "Show how a dataset changed from run to run: its last runs as a chart and a table, failed gates marked.",
    ),
    "list": ("flows.cli.finished:list_runs", "Show the runs in a workspace."),
    "show": ("flows.cli.finished:show", "Show the summary of a finished run again."),
    "open": (
        "flows.cli.explorer:open_run",
        "Look at the images of a run in a browser: filter, sort, find neighbors, choose. Ctrl-C ends it.",
    ),
    "report": (
        "flows.cli.finished:report",
        "Write report.html and the figures of a finished run again, with what it was asked since.",
    ),
    "reconstruct": ("flows.cli.finished:reconstruct", "Write an image as the sum of its first patterns, as PNG."),
    "completion": (
        "flows.cli.completion:completion",
        "Print a script with which your shell completes commands, options and their values.",
    ),
}


def _default(value: object) -> str | None:
    """What the help shows of a default: nothing of an empty one, or of a switch that is off."""
    return str(value) if value else None


app = App(
    name="eigenwave",
    help="Find wrong labels, copies, leaks and shortcuts in an image-classification dataset, without a model.",
    help_epilogue=f"eigenwave COMMAND --help shows examples of a command.\n\n{STATUS}",
    help_format="plaintext",
    default_parameter=Parameter(negative_iterable=(), show_default=_default),
)
for verb, (function, line) in COMMANDS.items():
    app.command(function, name=verb, help=line, help_epilogue=f"{epilogue(verb)}\n\n{STATUS}")

Switch = Parameter(negative="", group=Group("On every command", sort_key=100))


@app.meta.default
def _begin(
    *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    json: Annotated[bool, Switch, Parameter(help="Print the result as a JSON document: see docs/json.md.")] = False,
    quiet: Annotated[bool, Switch, Parameter(help="Print the result and errors only, no progress.")] = False,
    verbose: Annotated[
        bool, Switch, Parameter(help="Print the log too, and the time and memory that it took.")
    ] = False,
    debug: Annotated[bool, Switch, Parameter(help="Print the traceback of an error.")] = False,  # noqa: ARG001 - see main
) -> None:
    """Run a command and print its answer."""
    set_volume(quiet=quiet, verbose=verbose)
    began = time.monotonic()
    try:
        give_all(app(words, exit_on_error=False, print_error=False, result_action="return_value"), as_json=json)
    finally:
        if verbose:
            note(f"took {time.monotonic() - began:,.1f} s and at most {peak_memory():,.0f} MiB a process")


def main(version: str) -> None:
    """Run the command line and exit with its status.

    Parameters
    ----------
    version
        The version that --version prints.
    """
    open_streams()
    app.version = version
    words = sys.argv[1:]
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    sys.exit(status(words, debug=debug))


def status(words: list[str], *, debug: bool) -> int:
    """Run the command that the words ask for, and return its exit status."""
    command = partial(app.meta, words, exit_on_error=False, print_error=False, result_action="return_value")
    return status_of(command, debug=debug)
