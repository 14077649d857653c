"""Second-order association: the tables and arrays of generalized patterns and of each class's own patterns."""

import numpy as np

from storage.arrays.zarr import write_array
from tasks.dtypes import Float64
from tasks.run.job import Job
from tasks.run.tables import ResultTables
from tasks.statistics.class_comparison import ClassComparison
from tasks.statistics.hogsvd import agreement
from tasks.statistics.scatter import ClassScatter


def compare_classes(job: Job, scatter: ClassScatter, tables: ResultTables) -> tuple[ClassComparison, ClassComparison]:
    """Write the tables and arrays; return the comparison of classes under the true and under shuffled labels."""
    true, shuffled = ClassComparison.of(scatter, 0), ClassComparison.of(scatter, 1)
    rank = scatter.sums.shape[-1]
    generalized = true.whitening.loadings(true.generalized.directions)
    of_classes = np.stack([true.whitening.loadings(directions) for directions in true.against.directions])
    write_array(job.paths.generalized_loadings, _padded(generalized, rank), ("generalized", "pattern"))
    write_array(job.paths.class_loadings, _padded(of_classes, rank), ("class", "number", "pattern"))
    columns = {
        "generalized_patterns": _generalized(true),
        "class_patterns": _class_patterns(true, shuffled),
    }
    for name, content in columns.items():
        tables.write(name, content)
    return true, shuffled


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


def _class_patterns(true: ClassComparison, shuffled: ClassComparison) -> dict[str, object]:
    classes, most = true.against.angle.shape
    return {
        "class_id": np.repeat(np.arange(classes), most),
        "number": np.tile(np.arange(most), classes),
        "share": true.against.share.ravel(),
        "angular_distance": true.against.angle.ravel(),
        "held_out_angular_distance": true.held_out_angle.ravel(),
        "null_angular_distance": shuffled.against.angle[:, :most].ravel(),
    }
