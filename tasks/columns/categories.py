"""Associate the patterns of a finished run with a column of categories: all that classes get, by the same functions."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from storage.errors import InputError
from tasks.columns.category_tables import HeldOut, Tables, category_tables
from tasks.columns.images import RunImages, Sides
from tasks.columns.shuffles import Shuffles
from tasks.columns.values import Column, categories
from tasks.dtypes import Int64
from tasks.run.worker import single_threaded
from tasks.statistics.association import ClassSums
from tasks.statistics.first_order import first_order
from tasks.statistics.groups import GroupSums, group_of, groups_kept
from tasks.statistics.held_out import METHODS, Classifiers, right_of_classes
from tasks.statistics.scatter import LABELLINGS, ClassScatter
from tasks.statistics.sums import Sums

MOST_VALUES = 1000
CURVED = 64  # leading patterns that the quadratic classifier uses: with more, it takes too long to ask


class Categories(NamedTuple):
    """A column of categories, and the images that have one.

    Attributes
    ----------
    names
        The values (C,).
    images, sides, shuffles
        All images of the run, which of them take part in what, and their shuffled values.
    """

    names: list[str]
    images: RunImages
    sides: Sides
    shuffles: Shuffles

    @classmethod
    def of(cls, images: RunImages, column: Column) -> Self:
        """Find the categories of a column.

        Raises
        ------
        InputError
            If there are fewer than two or too many among the fitted images, or as many as images.
        """
        names, codes = categories(column)
        sides = Sides.of(images, codes)
        require_categories(column.name, names, codes[sides.sampled])
        return cls(names, images, sides, Shuffles(images, sides, len(names)))


def require_categories(column: str, names: list[str], codes: Int64) -> None:
    """Refuse a column that divides the fitted images with a value, whose values have numbers (n,), into no groups.

    Raises
    ------
    InputError
        Saying how many values it has.
    """
    there, count = np.unique(codes), len(codes)
    if not count:
        raise InputError(f"The column {column!r} has no value for the images that patterns are fitted on.")
    if len(there) == 1:
        raise InputError(
            f"The column {column!r} has one value, {names[there[0]]!r}, in all {count:,} fitted images that have any; "
            "choose a column with two values or more."
        )
    if len(there) == count or len(names) > MOST_VALUES:
        raise InputError(
            f"The column {column!r} has {len(there):,} different values in {count:,} fitted images: it names images "
            f"rather than groups of them; choose a column with at most {MOST_VALUES:,} values that images share."
        )


@dataclass(frozen=True)
class CategorySums(Sums):
    """Sums over images: of scores, the same over random groups, and of the scores that labels are judged by."""

    sums: ClassSums
    groups: GroupSums
    judging: ClassScatter


@single_threaded
def associate_categories(images: RunImages, column: Column) -> Tables:
    """Return the columns of each table of a column of categories.

    Raises
    ------
    InputError
        If its values are no categories.
    EigenwaveError
        If scores are missing or damaged.
    """
    found = Categories.of(images, column)
    sums = _summed(found)
    order = first_order(sums.sums, sums.groups, grouped=images.groups is not None)
    judged = np.flatnonzero(found.sides.judged)
    counts = np.stack([np.bincount(codes, minlength=len(found.names)) for codes in _labellings(found, judged)])
    right = _right(found, Classifiers.of(sums.judging))
    return category_tables(found.names, order, HeldOut.of(found.sides, sums.judging, counts, right))


def _summed(found: Categories) -> CategorySums:
    """Add up over the shards, in their order."""
    total = None
    for shard, rows in found.images.shards():
        part = _of_shard(found, shard, rows)
        total = part if total is None else total + part
    if total is None:
        raise ValueError("a run has at least one shard")
    return total


def _of_shard(found: Categories, shard: int, rows: slice) -> CategorySums:
    images, sides, classes = found.images, found.sides, len(found.names)
    sampled, learned = (rows.start + np.flatnonzero(mask[rows]) for mask in (sides.sampled, sides.learned))
    scores, codes = images.scores(shard, sides.sampled), sides.codes[sampled]
    groups = groups_kept(classes, scores.shape[1])
    group = group_of(sides.units[sampled], images.settings.association.seed, groups)
    judging = images.judging_scores(shard, sides.learned)
    return CategorySums(
        ClassSums.of(scores, codes, found.shuffles.of(sampled), classes),
        GroupSums.of(scores, codes, group, (groups, classes)),
        ClassScatter.of(judging, sides.part[learned], _labellings(found, learned), classes, CURVED),
    )


def _right(found: Categories, classifiers: Classifiers) -> Int64:
    """Number of judged images of each value (2, 2, C) that each method predicts, under true and shuffled values."""
    classes = len(found.names)
    right = np.zeros((len(METHODS), LABELLINGS, classes), np.int64)
    for shard, rows in found.images.shards():
        judged = rows.start + np.flatnonzero(found.sides.judged[rows])
        if len(judged):
            predicted = classifiers.predict(found.images.judging_scores(shard, found.sides.judged))
            right += right_of_classes(predicted, _labellings(found, judged), classes)
    return right


def _labellings(found: Categories, rows: Int64) -> Int64:
    """Values of some rows (2, m): the true ones, and those of the first shuffle."""
    return np.concatenate([found.sides.codes[None, rows], found.shuffles.of(rows, LABELLINGS - 1)])
