"""Examine whether a column is a shortcut to the classes of a finished run."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tasks.columns.cut import Cut, cut
from tasks.columns.images import RunImages, Sides
from tasks.columns.values import Column
from tasks.dtypes import NUMBER, Float64, Int64
from tasks.run.worker import single_threaded
from tasks.statistics.contingency import one_against_rest, random_tables
from tasks.statistics.left_out_value import ValueJudges
from tasks.statistics.rightness import Rightness
from tasks.statistics.shortcuts import Shortcut, examine
from tasks.statistics.sums import BUDGET, Sums
from tasks.statistics.units import shuffled_by_group
from tasks.statistics.value_cells import Cells, CellSums, most_values
from tasks.statistics.within_class import Readers

KINDS = ("categorical", "number", "date")
TABLES = 200  # of shuffled classes
TOP = 5  # patterns

Tables = dict[str, dict[str, Any]]
S = TypeVar("S", bound=Sums)


class Asked(NamedTuple):
    """The images that a column is examined by: fitted, with a value and a class; of equal bytes and both, one.

    Attributes
    ----------
    images, sides
        All images of the run, and which of them take part.
    values, classes
        Value and class of each image (n,).
    shape
        Numbers V of values and C of classes.
    """

    images: RunImages
    sides: Sides
    values: Int64
    classes: Int64
    shape: tuple[int, int]

    def blocks(self) -> Iterator[tuple[slice, Float64]]:
        """Yield places among the images, and their scores, shard by shard."""
        start = 0
        for shard, _ in self.images.shards():
            scores = self.images.scores(shard, self.sides.sampled)
            if len(scores):
                yield slice(start, start + len(scores)), scores
            start += len(scores)

    def table(self, values: Int64, number: int, classes: Int64) -> Int64:
        """Count images with values (n,) below a number, and classes (n,)."""
        cells = values * self.shape[1] + classes
        return np.bincount(cells, minlength=number * self.shape[1]).reshape(number, self.shape[1])

    def shuffled(self, values: Int64, number: int) -> Int64:
        """Tables (R, number, C) of values (n,) and shuffled classes, as classes are shuffled."""
        table, seed = self.table(values, number, self.classes), self.images.settings.association.seed
        most = max(1, BUDGET // (NUMBER * table.size))
        if self.images.groups is None or self.images.keys is None:
            return random_tables(table, min(TABLES, most), seed)
        chosen = self.sides.sampled
        units, keys = self.sides.units[chosen], self.images.keys[chosen]
        times = min(self.images.settings.association.permutations, most)
        shuffles = shuffled_by_group(units, keys, self.classes, seed, times)
        return np.stack([self.table(values, number, own) for own in shuffles])


@single_threaded
def examine_column(images: RunImages, column: Column) -> Tables:
    """Return the columns of the tables about shortcuts; none if no images can be compared.

    Raises
    ------
    EigenwaveError
        If scores are missing or damaged.
    """
    classes, rank = len(images.run.manifest.classes), images.run.manifest.layout.plan.rank
    most = most_values(classes, rank)
    known = images.fitted & (images.classes >= 0)
    if column.kind not in KINDS or len(np.unique(images.classes[known])) < 2 or most < 2:  # noqa: PLR2004
        return {}
    found = cut(column, known, most)
    sides = Sides.of(images, np.where(known & (found.codes >= 0), found.codes * classes + images.classes, -1))
    chosen = sides.sampled
    if not chosen.any():
        return {}
    asked = Asked(images, sides, found.codes[chosen], images.classes[chosen], (len(found.names), classes))
    result = _examined(asked)
    columns = _row(result) | _told_by_numbers(asked, found) | _worst(result.lost.by_value[0], found.names)
    columns |= {"values": len(found.names), "joined": found.joined, "images": len(asked.values)}
    return {
        "column_shortcuts": {name: [one] for name, one in columns.items()},
        "column_losses": _by_value(found, asked, result),
    }


def _examined(asked: Asked) -> Shortcut:
    chosen, keys = asked.sides.sampled, asked.images.keys
    units = asked.sides.units[chosen]
    images = units if keys is None else keys[chosen]
    cells = Cells.of(asked.values, asked.classes, units, images, asked.images.settings.association.seed)
    sums = _added(asked, lambda some, scores: CellSums.of(scores, cells.take(some), *asked.shape))
    judges, readers = ValueJudges.of(sums), Readers.of(sums)
    right = _added(asked, lambda some, scores: Rightness.of(scores, cells.take(some), judges, readers))
    return examine(sums, right, judges, readers, asked.shuffled(asked.values, asked.shape[0]))


def _added(asked: Asked, of: Callable[[slice, Float64], S]) -> S:
    total = None
    for some, scores in asked.blocks():
        part = of(some, scores)
        total = part if total is None else total + part
    if total is None:
        raise ValueError("no image has a value and a class")
    return total


def _row(found: Shortcut) -> dict[str, Any]:
    told, read, lost = found.told, found.read, found.lost
    order = np.argsort(-np.nan_to_num(found.eta_squared), kind="stable")[:TOP]
    return {
        "verdict": found.verdict,
        "cramers_v": told.cramers_v,
        "cramers_v_shuffled": told.largest_shuffled,
        "p_value": told.p_value,
        "told": told.accuracy,
        "told_balanced": told.balanced_accuracy,
        "majority": told.majority,
        **_estimate("readable", read.accuracy),
        "readable_chance": read.chance,
        "readable_shuffled": read.largest_shuffled,
        "separable": read.asked,
        "accuracy": lost.accuracy,
        "accuracy_without": lost.without,
        **_estimate("loss", lost.loss),
        **_estimate("inflation", lost.inflation),
        "class_given_column": found.class_given_value.learnability,
        "class_given_column_expected": found.class_given_value.expected,
        "column_given_class": found.value_given_class.learnability,
        "column_given_class_expected": found.value_given_class.expected,
        "patterns": order.tolist(),
        "eta_squared": found.eta_squared[order].tolist(),
    }


def _estimate(name: str, estimate: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), estimate, strict=True))


def _told_by_numbers(asked: Asked, found: Cut) -> dict[str, Any]:
    """Area under the curve of the class that numbers tell best; nothing of categories."""
    if found.fine is None:
        return {}
    fine = found.fine[asked.sides.sampled]
    number = int(fine.max()) + 1
    table = asked.table(fine, number, asked.classes)
    areas = one_against_rest(np.concatenate([table[None], asked.shuffled(fine, number)]))
    best = int(np.nanargmax(np.abs(areas[0] - 0.5)))
    largest = float(np.nanmax(np.abs(areas[1:] - 0.5)))
    return {"auc": areas[0, best], "auc_class": asked.images.run.manifest.classes[best], "auc_shuffled": 0.5 + largest}


def _worst(losses: Float64, names: list[str]) -> dict[str, Any]:
    """The value that costs most when it is left out; nothing if none was."""
    if np.isnan(losses).all():
        return {}
    worst = int(np.nanargmax(losses))
    return {"worst_value": names[worst], "worst_loss": losses[worst]}


def _by_value(found: Cut, asked: Asked, result: Shortcut) -> dict[str, Any]:
    loss, low, high = result.lost.by_value
    return {
        "value": found.names,
        "images": np.bincount(asked.values, minlength=len(found.names)),
        "judged": result.lost.judged,
        "loss": loss,
        "loss_low": low,
        "loss_high": high,
    }
