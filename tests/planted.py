"""A planted site: images of two classes, some of which are brighter because of where they were taken."""

import numpy as np

from tasks.statistics.contingency import random_tables
from tasks.statistics.left_out_value import ValueJudges
from tasks.statistics.shortcuts import Rightness, examine
from tasks.statistics.value_cells import Cells, CellSums
from tasks.statistics.within_class import Readers

RANK = 12


def images_of_sites(seed, correlation, brighter, n=1200, side=8):
    """Images (n, side^2) of two noisy shapes, labels (n,), and sites (n,) correlated with them; site 1 is brighter."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    sites = np.where(rng.random(n) < (1 + correlation) / 2, labels, 1 - labels)
    shapes = np.random.default_rng(7).standard_normal((8, side * side)) / 8
    strengths = rng.standard_normal((n, 8)) + 0.9 * np.eye(2, 8)[labels]
    return strengths @ shapes + 0.05 * rng.standard_normal((n, side * side)) + brighter * sites[:, None], labels, sites


def scores_of(images):
    """Scores (n, k) of images along their leading principal axes."""
    centred = images - images.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:RANK].T


def shortcut_of(scores, labels, values, seed=0):
    """Examine a column with values (n,)."""
    ids = np.random.default_rng([seed, 1]).integers(0, 2**63, len(labels)).astype(np.uint64)
    cells = Cells.of(values, labels, ids, ids, seed)
    sums = CellSums.of(scores, cells, int(values.max()) + 1, int(labels.max()) + 1)
    judges, readers = ValueJudges.of(sums), Readers.of(sums)
    found = Rightness.of(scores, cells, judges, readers)
    return examine(sums, found, judges, readers, random_tables(sums.table, 200, seed))
