"""What the command takes from end to end: imports, Prefect's server, a warm and a first run; and `plan` beside runs.

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

from benchmarks.data import images
from eigenwave import plan

ROUNDS, FIRST_RUNS = 5, 10
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


def first_run(folder: Path) -> Taken:
    """Seconds of a run of the digits with an empty home."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        return timed((*EIGENWAVE, "run", "digits"), Path(home), Path(home))


def contenders(folder: Path) -> dict[str, Callable[[], Taken]]:
    """What is measured, by name, in the order of a round."""
    warm = folder / "warm"
    warm.mkdir()
    runs = ("run", "digits", "--workspace", str(folder / "runs"))

    return {
        "imports of a run": partial(timed, IMPORTS, folder, warm),
        "Prefect's server, start to end": partial(timed, SERVER, folder, warm),
        "`run digits`, warm": partial(timed, (*EIGENWAVE, *runs), folder, warm),
        "`run digits`, first, with an empty home": partial(first_run, folder),
        "`plan digits`": partial(timed, (*EIGENWAVE, "plan", "digits"), folder, warm),
        "`list`": partial(timed, (*EIGENWAVE, "list", *runs[2:]), folder, warm),
        "`show`": partial(timed, (*EIGENWAVE, "show", *runs[2:]), folder, warm),
        "`--help`": partial(timed, (*EIGENWAVE, "--help"), folder, warm),
    }


def parts(folder: Path, rounds: int) -> None:
    """Print the parts of a run of the digits, and the commands that need no server."""
    measured = contenders(folder)
    measured["`run digits`, warm"]()  # makes the database and the run that the others use
    taken = [{each: measure() for each, measure in measured.items()} for _ in range(rounds)]
    print(f"\n### From end to end, median of {rounds}\n\n| | wall s | CPU s |\n|---|---|---|")
    for each in measured:
        wall, cpu = (statistics.median(one[each][index] for one in taken) for index in (0, 1))
        print(f"| {each} | {wall:.2f} | {cpu:.2f} |")


def planned(folder: Path) -> dict[str, tuple[float, float]]:
    """Seconds of wall time of a run on three datasets: as planned, and as measured."""
    warm, found = folder / "warm", {}
    sources = {"the bundled digits": "digits"}
    for count, side in ((10_000, 32), (600, 224)):
        sources[f"{count:,} of {side} x {side}"] = str(images(folder, count, side)[0])
    for name, source in sources.items():
        words = ("run", source, "--workspace", str(folder / name))
        found[name] = plan(source).seconds, timed((*EIGENWAVE, *words), folder, warm)[0]
    return found


def crowded(folder: Path, busy: int, runs: int) -> list[float]:
    """Wall seconds of first runs, each with an empty home, beside busy processes; an error if one fails."""
    spinning = [subprocess.Popen((sys.executable, "-c", "while True: pass")) for _ in range(busy)]
    try:
        return [first_run(folder)[0] for _ in range(runs)]
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def main() -> None:
    """The tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--busy", type=int, default=0, help="only ten first runs, beside so many busy processes")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as folder:
        if wanted.busy:
            taken = crowded(Path(folder), wanted.busy, FIRST_RUNS)
            shown = ", ".join(f"{seconds:.0f}" for seconds in taken)
            print(f"{FIRST_RUNS} first runs beside {wanted.busy} busy processes succeeded, in seconds: {shown}")
            return
        parts(Path(folder), wanted.rounds)
        print("\n### A run as planned\n\n| | planned, s | measured, s | measured of planned |\n|---|---|---|---|")
        for name, (expected, measured) in planned(Path(folder)).items():
            print(f"| {name} | {expected:.1f} | {measured:.1f} | {measured / expected:.2f} |")


if __name__ == "__main__":
    main()
