"""The command line. A command's module is imported when the command is called, so that each starts quickly."""

import logging
import sys
from functools import partial

from cyclopts import App

from flows.cli.boundary import status_of
from flows.cli.terminal import Shown, open_streams

EPILOGUE = "Exit status: 0 done; 1 the run failed; 2 wrong usage, settings or input. --debug shows tracebacks."
EXAMPLES = """Examples:

    eigenwave run digits
    eigenwave run path/to/dataset --size 64 --rank 32
    eigenwave run photos.tar --transform modulus --max-bad-fraction 0.05
    eigenwave run s3://bucket/dataset --workspace s3://bucket/audits
    eigenwave run path/to/dataset --cluster tls://host:8786 --tls certificates
    eigenwave run path/to/dataset --config settings.toml
"""
# The function of each command, and the first line of its docstring, which --help shows without importing it.
COMMANDS = {
    "run": ("flows.cli.run:run", "Analyse a dataset; an interrupted run continues where it stopped."),
    "audit": (
        "flows.cli.run:audit",
        "Analyse a dataset and report how it drifted since an earlier run; a gate sets the exit status.",
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
    "compare": (
        "flows.cli.upkeep:compare",
        "Report how a dataset drifted between two runs; a gate sets the exit status.",
    ),
    "list": ("flows.cli.finished:list_runs", "Show the runs in a workspace."),
    "show": ("flows.cli.finished:show", "Show the summary of a finished run again."),
    "open": (
        "flows.cli.explorer:open_run",
        "Look at the images of a run in a browser: filter, sort, find neighbors, choose. Ctrl-C ends it.",
    ),
    "report": ("flows.cli.finished:report", "Write report.html and the figures of a finished run again."),
    "reconstruct": ("flows.cli.finished:reconstruct", "Write an image as the sum of its first patterns, as PNG."),
}

app = App(
    name="eigenwave",
    help="See which patterns an image-classification dataset is made of, and how its classes depend on them.",
    help_epilogue=EPILOGUE,
    help_format="plaintext",
)
for verb, (function, line) in COMMANDS.items():
    epilogue = f"{EXAMPLES}\n\n{EPILOGUE}" if verb == "run" else EPILOGUE
    app.command(function, name=verb, help=line, help_epilogue=epilogue)


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
    downloads, lines = logging.getLogger("eigenwave"), logging.StreamHandler()
    lines.setFormatter(Shown())
    downloads.addHandler(lines)
    downloads.setLevel(logging.INFO)
    sys.exit(status(words, debug=debug))


def status(words: list[str], *, debug: bool) -> int:
    """Run the command that the words ask for, and return its exit status."""
    command = partial(app, words, exit_on_error=False, print_error=False, result_action="return_value")
    return status_of(command, debug=debug)
