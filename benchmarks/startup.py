"""What the command takes from end to end on a small dataset: imports, Prefect's server, a warm and a first run.

Each figure is the median of rounds in which every contender has a process of its own; wall time and, since a machine is
seldom idle, processor time of the process with all that it started.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

ROUNDS = 5
EIGENWAVE = (sys.executable, "-m", "eigenwave")
IMPORTS = (sys.executable, "-c", "import flows.analysis, flows.cli.command")
SERVER = (
    sys.executable,
    "-c",
    "from flows.tracking.own_server import own_server\nwith own_server() as server: server.wait()",
)

Taken = tuple[float, float]


def timed(words: Sequence[str], folder: Path, home: Path) -> Taken:
    """Wall and processor seconds of a command with a home and a cache of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "EIGENWAVE_"))}
    environment = kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "PYTHONPATH": str(Path.cwd())}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - start
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def contenders(folder: Path) -> dict[str, Callable[[], Taken]]:
    """What is measured, by name, in the order of a round."""
    warm = folder / "warm"
    warm.mkdir()
    runs = ("run", "digits", "--workspace", str(folder / "runs"))

    def first() -> Taken:
        with tempfile.TemporaryDirectory(dir=folder) as home:
            return timed((*EIGENWAVE, "run", "digits"), Path(home), Path(home))

    return {
        "imports of a run": partial(timed, IMPORTS, folder, warm),
        "Prefect's server, start to end": partial(timed, SERVER, folder, warm),
        "`run digits`, warm": partial(timed, (*EIGENWAVE, *runs), folder, warm),
        "`run digits`, first, with an empty home": first,
        "`plan digits`": partial(timed, (*EIGENWAVE, "plan", "digits"), folder, warm),
        "`list`": partial(timed, (*EIGENWAVE, "list", *runs[2:]), folder, warm),
        "`show`": partial(timed, (*EIGENWAVE, "show", *runs[2:]), folder, warm),
        "`--help`": partial(timed, (*EIGENWAVE, "--help"), folder, warm),
    }


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name:
        measured = contenders(Path(name))
        measured["`run digits`, warm"]()  # makes the database and the run that the others use
        taken = [{each: measure() for each, measure in measured.items()} for _ in range(rounds)]
    print(f"\n### From end to end, median of {rounds}\n\n| | wall s | CPU s |\n|---|---|---|")
    for each in measured:
        wall, cpu = (statistics.median(one[each][index] for one in taken) for index in (0, 1))
        print(f"| {each} | {wall:.2f} | {cpu:.2f} |")


if __name__ == "__main__":
    main()
