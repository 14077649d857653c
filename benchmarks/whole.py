"""Compare a whole run, including its start, with scripts written without eigenwave. Part of `make bench`.

Wall and CPU time are those of the command and all processes that it started. Peak memory is that of the largest of
them. Error is the largest relative error of a singular value against float64.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.data import images
from storage.runs.run import open_run
from tasks.dtypes import Float64

MIB = 2**20
COMMAND = str(Path(sys.executable).with_name("eigenwave"))
SCRIPTS = {"Pillow, pywt, scikit-learn, pandas": "script_sklearn.py", "Pillow, pywt, dask-ml, pandas": "script_dask.py"}


@dataclass(frozen=True)
class Cost:
    """The cost of a command: seconds of wall time and of CPU time, and bytes of its largest process."""

    wall: float
    cpu: float
    peak: int


def cost(words: list[str], log: Path) -> Cost:
    """Run a command to its end.

    Raises
    ------
    RuntimeError
        If it fails; the message has its output.
    """
    start = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{log.read_text(errors='replace')}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def exact_values(coefficients: Path, rank: int) -> Float64:
    """Compute the leading singular values of all coefficients about their mean in float64, from a workspace's run."""
    array = open_run(coefficients / "latest").coefficients
    rows, columns = array.chunks[0], array.shape[1]
    total, gram = np.zeros(columns), np.zeros((columns, columns))
    for start in range(0, array.shape[0], rows):
        block = np.asarray(array[start : start + rows], np.float64)
        total += block.sum(axis=0)
        gram += block.T @ block
    gram -= np.outer(total, total) / array.shape[0]
    values: Float64 = np.sqrt(np.linalg.eigvalsh(gram)[::-1][:rank])
    return values


def script_lines(name: str) -> int:
    """Count the lines of a script that are neither blank nor documentation."""
    code = (Path(__file__).parent / name).read_text().split('"""', 2)[2]
    return sum(1 for line in code.splitlines() if line.strip())


def compare(folder: Path, count: int, rank: int) -> None:
    """Print one line per contender, for `count` images."""
    source, kind = images(folder, count)
    workspace = folder / f"workspace-{count}"
    words = [COMMAND, "run", str(source), "--workspace", str(workspace), "--rank", str(rank)]
    found = {"eigenwave run": cost(words, folder / "eigenwave.log")}
    values = {"eigenwave run": open_run(workspace / "latest").tables["patterns"]["singular_value"].to_numpy()}
    for name, script in SCRIPTS.items():
        out = folder / f"{Path(script).stem}-{count}"
        out.mkdir()
        words = [sys.executable, str(Path(__file__).parent / script), str(source), str(out), str(rank)]
        found[name] = cost(words, folder / "script.log")
        values[name] = np.load(out / "singular_values.npy")
    truth = exact_values(workspace, rank)
    for name, taken in found.items():
        error = float(np.abs(values[name] / truth - 1).max())
        lines = script_lines(SCRIPTS[name]) if name in SCRIPTS else 1
        cells = [kind, f"{count:,}", name, f"{taken.wall:.0f}", f"{taken.cpu:.0f}", f"{taken.peak / MIB:,.0f}"]
        print(f"| {' | '.join([*cells, f'{error:.0e}', str(lines)])} |", flush=True)


def main(counts: tuple[int, ...] = (10_000, 50_000, 200_000), rank: int = 64) -> None:
    """Print the table."""
    print("\n### The whole run\n")
    print("| data | images | | wall s | CPU s | peak MiB | error | lines |\n|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name:
        for count in counts:
            compare(Path(name), count, rank)


if __name__ == "__main__":
    main()
