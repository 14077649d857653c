"""A planted site: images of two classes, some of which are brighter because of where they were taken."""

import numpy as np

from benchmarks.shortcuts import scores_of, shortcut_of, sites_of

RANK = 12


def images_of_sites(seed, correlation, brighter, n=1200, side=8):
    """Images (n, side^2) of two noisy shapes, labels (n,), and sites (n,) correlated with them; site 1 is brighter."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    sites = sites_of(labels, correlation, rng)
    shapes = np.random.default_rng(7).standard_normal((8, side * side)) / 8
    strengths = rng.standard_normal((n, 8)) + 0.9 * np.eye(2, 8)[labels]
    return strengths @ shapes + 0.05 * rng.standard_normal((n, side * side)) + brighter * sites[:, None], labels, sites


def shortcut_of_site(seed, correlation, brighter):
    """Examine a planted site."""
    images, labels, sites = images_of_sites(seed, correlation, brighter)
    return shortcut_of(scores_of(images, RANK), labels, sites, seed)
