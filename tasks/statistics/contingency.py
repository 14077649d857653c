"""Whether a column tells the class by itself, from a table of how many images have each value and class."""

import numpy as np

from tasks.dtypes import Float64, Int64
from tasks.statistics.ranks import area_under_curve


def cramers_v(tables: Int64) -> Float64:
    """Cramer's V of tables (..., V, C), corrected for bias (Bergsma, 2013); 0 if there is no association, 1 at most.

    Chi-squared over n has (r - 1)(c - 1)/(n - 1) without association, which is subtracted. Rows and columns without
    images do not count. NaN with fewer than two values or two classes.
    """
    counts = tables.astype(np.float64)
    of_value, of_class = counts.sum(axis=-1), counts.sum(axis=-2)
    n = of_value.sum(axis=-1)
    rows, columns = (of_value > 0).sum(axis=-1), (of_class > 0).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = counts**2 / (of_value[..., :, None] * of_class[..., None, :])
        squares = np.nansum(parts, axis=(-2, -1)) - 1
        excess = np.maximum(squares - (rows - 1) * (columns - 1) / (n - 1), 0)
        room = np.minimum(rows - 1 - (rows - 1) ** 2 / (n - 1), columns - 1 - (columns - 1) ** 2 / (n - 1))
        result: Float64 = np.minimum(np.sqrt(excess / room), 1)
    return np.where(room > 0, result, np.nan)


def random_tables(table: Int64, number: int, seed: int) -> Int64:
    """Draw tables (number, V, C) as permutations of the classes of all images would give them.

    The margins of the table (V, C) stay: the images of a value are drawn from those that are left, so no image is
    needed. SciPy has this too, but its import takes a second.
    """
    random = np.random.default_rng(seed)
    result = np.zeros((number, *table.shape), np.int64)
    for drawn in result:
        left = table.sum(axis=0)
        for value, images in enumerate(table.sum(axis=1).tolist()):
            drawn[value] = random.multivariate_hypergeometric(left, images, method="marginals")
            left -= drawn[value]
    return result


def majority_right(counts: Int64) -> Int64:
    """Count images of each class (C,) whose class is the most frequent one of their value in the other folds.

    Parameters
    ----------
    counts
        Number of images in each fold, of each value and class (F, V, C). A value that the other folds lack is given
        their most frequent class.
    """
    folds, values, classes = counts.shape
    others = counts.sum(axis=0) - counts
    likeliest = np.where(others.any(axis=2), others.argmax(axis=2), others.sum(axis=1).argmax(axis=1)[:, None])
    fold, value = np.indices((folds, values))
    return np.bincount(likeliest.ravel(), counts[fold, value, likeliest].ravel(), classes).astype(np.int64)


def one_against_rest(tables: Int64) -> Float64:
    """Probability (..., C) that an image of a class has a larger value than one of another; a tie counts half.

    Parameters
    ----------
    tables
        Number of images of each value and class (..., V, C), values in ascending order. Of numbers, values are bins.
    """
    of_value = tables.sum(axis=-1)
    ranks = np.cumsum(of_value, axis=-1) - (of_value - 1) / 2
    sums = (ranks[..., None] * tables).sum(axis=-2)
    return area_under_curve(tables.sum(axis=-2), sums[..., None])[..., 0]
