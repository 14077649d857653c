"""Made scores of images, and numbers that depend on them."""

import numpy as np
from hypothesis import strategies as st

from tasks.statistics.target_sums import TargetSums
from tests.strategies import seeds


@st.composite
def scored_targets(draw, fewest=3):
    """Scores (n, k) whose spreads differ, targets (n, T), parts (n,), and the number of parts."""
    random = np.random.default_rng(draw(seeds))
    n, rank, number = draw(st.integers(fewest, 120)), draw(st.integers(1, 6)), draw(st.integers(1, 4))
    scores = random.standard_normal((n, rank)) * np.logspace(0, -2, rank)
    targets = draw(st.sampled_from([0.0, 1.0, 30.0])) * scores @ random.standard_normal((rank, number))
    parts = draw(st.integers(5, 40))
    return scores, targets + random.standard_normal((n, number)), random.integers(0, parts, n), parts


def sums_of(scores, targets, part, parts):
    """Sums over all images, added up from three pieces."""
    pieces = np.array_split(np.arange(len(scores)), 3)
    first, second, third = (TargetSums.of(scores[rows], targets[rows], part[rows], parts) for rows in pieces)
    return first + (second + third)
