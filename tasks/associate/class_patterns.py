"""Second-order association: the tables and arrays of generalized patterns and of each class's own patterns."""

from typing import NamedTuple

import numpy as np

from storage.arrays.zarr import write_array
from tasks.dtypes import Float64
from tasks.run.job import Job
from tasks.run.tables import ResultTables
from tasks.statistics.association import SIGNIFICANT, q_values
from tasks.statistics.class_comparison import ClassComparison
from tasks.statistics.hogsvd import agreement
from tasks.statistics.replication import replication
from tasks.statistics.scatter import HELD_OUT, ClassScatter


class Compared(NamedTuple):
    """The comparison of classes under the true and under shuffled labels, and whether patterns come back.

    Attributes
    ----------
    true, shuffled
        The comparisons.
    replication
        p-value of each class's patterns in the held-out images (C, m), under the true labels.
    """

    true: ClassComparison
    shuffled: ClassComparison
    replication: Float64

    @property
    def judged(self) -> int:
        """Number of classes whose first pattern can be judged by held-out images."""
        return int((~np.isnan(self.replication[:, :1])).sum())

    @property
    def replicated(self) -> int:
        """Number of classes whose first pattern comes back."""
        return int((q_values(self.replication)[:, :1] <= SIGNIFICANT).sum())


def compare_classes(job: Job, scatter: ClassScatter, tables: ResultTables) -> Compared:
    """Write the tables and arrays; return the comparisons."""
    true, shuffled = ClassComparison.of(scatter, 0), ClassComparison.of(scatter, 1)
    counts = scatter.counts[:, HELD_OUT]
    replicated = replication(true.held_out_angle, counts[0], shuffled.held_out_angle, counts[1])
    rank = scatter.sums.shape[-1]
    generalized = true.whitening.loadings(true.generalized.directions)
    of_classes = np.stack([true.whitening.loadings(directions) for directions in true.against.directions])
    write_array(job.paths.generalized_loadings, _padded(generalized, rank), ("generalized", "pattern"))
    # `class` is a coordinate of images, so in a group with them no dimension may have that name.
    classes = "class_id" if job.paths.grouped else "class"
    write_array(job.paths.class_loadings, _padded(of_classes, rank), (classes, "number", "pattern"))
    columns = {
        "generalized_patterns": _generalized(true),
        "class_patterns": _class_patterns(true, shuffled, replicated),
    }
    for name, content in columns.items():
        tables.write(name, content)
    return Compared(true, shuffled, replicated)


def _padded(loadings: Float64, rank: int) -> Float64:
    """Extend loadings on the leading patterns by zeros to all patterns."""
    widths = [(0, 0)] * (loadings.ndim - 1) + [(0, rank - loadings.shape[-1])]
    return np.pad(loadings, widths)


def _generalized(true: ClassComparison) -> dict[str, object]:
    patterns, classes = true.shares.shape
    pairs = zip(true.shares, true.held_out_shares, strict=True)
    return {
        "pattern": np.repeat(np.arange(patterns), classes),
        "class_id": np.tile(np.arange(classes), patterns),
        "tau": np.repeat(true.generalized.tau, classes),
        "share": true.shares.ravel(),
        "held_out_share": true.held_out_shares.ravel(),
        "replicability": np.repeat([agreement(*pair) for pair in pairs], classes),
    }


def _class_patterns(true: ClassComparison, shuffled: ClassComparison, replicated: Float64) -> dict[str, object]:
    classes, most = true.against.angle.shape
    return {
        "class_id": np.repeat(np.arange(classes), most),
        "number": np.tile(np.arange(most), classes),
        "share": true.against.share.ravel(),
        "angular_distance": true.against.angle.ravel(),
        "held_out_angular_distance": true.held_out_angle.ravel(),
        "held_out_p_value": replicated.ravel(),
        "held_out_q_value": q_values(replicated).ravel(),
        "null_angular_distance": shuffled.against.angle[:, :most].ravel(),
    }
