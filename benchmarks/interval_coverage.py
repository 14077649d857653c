"""How often 95 % intervals cover the truth, by simulation: `python -m benchmarks.interval_coverage [DRAWS]`.

Scores of images have class means on up to three patterns, and vary within classes as the setting says. So the true
learnability and eta squared are known. One row a setting is printed.
"""

import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.run.worker import single_threaded
from tasks.statistics.groups import GROUPS, GroupSums
from tasks.statistics.intervals import intervals

PLANTED = 3  # patterns whose means differ between classes
SHAPES: dict[str, Callable[[np.random.Generator, tuple[int, int]], Float64]] = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "skewed": lambda random, shape: random.exponential(1, shape) - 1,
    "heavy": lambda random, shape: random.standard_t(5, shape) / np.sqrt(5 / 3),
}


class Case(NamedTuple):
    """A setting.

    Attributes
    ----------
    n, classes, rank
        Number of images, classes and patterns.
    effect
        Standard deviation of class means on the planted patterns, relative to that of images within a class.
    scores
        How images vary within a class: normal, skewed (exponential), or heavy (t with 5 degrees of freedom).
    uneven
        Whether the largest class has three times the images of the smallest, instead of as many.
    """

    n: int
    classes: int
    rank: int
    effect: float
    scores: str = "normal"
    uneven: bool = False


CASES = [
    Case(150, 2, 5, 0.0),
    Case(150, 2, 5, 0.5),
    Case(150, 2, 64, 0.0),
    Case(150, 2, 64, 1.0),
    Case(150, 7, 5, 0.0),
    Case(150, 7, 5, 2.0, "skewed"),
    Case(300, 10, 16, 0.3, "heavy", uneven=True),
    Case(500, 2, 16, 0.1),
    Case(500, 20, 16, 0.5),
    Case(500, 20, 16, 2.0),
    Case(500, 10, 64, 0.3, "skewed"),
    Case(1000, 50, 16, 0.0),
    Case(1000, 50, 16, 3.0),
    Case(1000, 50, 64, 0.5),
    Case(5000, 10, 16, 0.2, uneven=True),
    Case(5000, 50, 64, 0.2),
    Case(60, 3, 5, 0.5),
    Case(100, 10, 5, 0.5),
]


class Draw(NamedTuple):
    """Scores (n, k) and labels (n,), with the true learnability and the true eta squared of each pattern (k,)."""

    scores: Float64
    labels: Int64
    learnability: float
    eta_squared: Float64


def drawn(case: Case, random: np.random.Generator) -> Draw:
    """Draw the images of a setting."""
    weights = np.linspace(1, 3 if case.uneven else 1, case.classes)
    sizes = np.rint(case.n * weights / weights.sum()).astype(np.int64)
    labels = np.repeat(np.arange(case.classes), sizes)
    means, planted = np.zeros((case.classes, case.rank)), min(PLANTED, case.rank)
    means[:, :planted] = np.random.default_rng(case.classes).standard_normal((case.classes, planted)) * case.effect
    shares = sizes / sizes.sum()
    about = means - shares @ means
    between = about.T @ (about * shares[:, None])
    total = between + np.eye(case.rank)
    truth = float(np.trace(np.linalg.solve(total, between))) / (case.classes - 1)
    scores = means[labels] + SHAPES[case.scores](random, (len(labels), case.rank))
    return Draw(scores, labels, truth, np.diag(between) / np.diag(total))


def groups_of(scores: Float64, labels: Int64, classes: int, random: np.random.Generator) -> GroupSums:
    """Sum over images in random groups."""
    return GroupSums.of(scores, labels, random.integers(0, GROUPS, len(labels)), (GROUPS, classes))


@single_threaded
def coverage(case: Case, draws: int) -> Float64:
    """Part of the draws whose interval covers: learnability, and eta squared of the first and the last pattern (3,)."""
    covered = np.zeros((draws, 3))
    for seed in range(draws):
        random = np.random.default_rng(seed)
        draw = drawn(case, random)
        found = intervals(groups_of(draw.scores, draw.labels, case.classes, random))
        of_patterns = _covers(found.eta_squared[:, [0, -1]], draw.eta_squared[[0, -1]])
        covered[seed] = _covers(found.learnability, draw.learnability), *of_patterns
    result: Float64 = covered.mean(axis=0)
    return result


def _covers(interval: Float64, truth: float | Float64) -> Float64:
    return np.asarray((interval[0] <= truth) & (truth <= interval[1]), np.float64)


def main(draws: int) -> None:
    """Print the coverage of every setting."""
    print("| images | classes | patterns | effect | scores | L | eta squared, planted | eta squared, null |")
    print("|---|---|---|---|---|---|---|---|")
    for case in CASES:
        found = " | ".join(f"{part:.3f}".removeprefix("0") for part in coverage(case, draws))
        scores = case.scores + (", uneven classes" if case.uneven else "")
        print(f"| {case.n:,} | {case.classes} | {case.rank} | {case.effect:g} | {scores} | {found} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
