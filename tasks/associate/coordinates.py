"""The coordinates of a run's arrays, written from its tables, and the metadata of the group of all of them."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from storage.arrays.coordinates import create_coordinate, write_coordinate, write_group, write_values
from storage.arrays.zarr import STRING
from storage.tables.parquet import GROUP_ROWS, read_groups, read_table
from tasks.run.job import Job
from tasks.wavelet.bands import Band

# Names of the coordinates of images, their types, and the columns of the table `samples` that they repeat.
OF_IMAGES = {
    "key": (STRING, "key"),
    "class": (STRING, "class_name"),
    "split": (STRING, "split"),
    "row": ("int64", "row"),
}
OF_PATTERNS = ("singular_value", "energy_share")  # also names of columns of the table `patterns`
OF_COEFFICIENTS = ("band", "scale", "channel", "band_row", "band_column")
NAMES = (*OF_IMAGES, *OF_PATTERNS, *OF_COEFFICIENTS)
METADATA = "zarr.json"


def write_coordinates(job: Job) -> None:
    """Write the coordinates of images, patterns and coefficients, and last the metadata of the group.

    The metadata of a coordinate come after its values. A run that is continued keeps coordinates that have them.
    A run that an earlier version began has single arrays, and gets none.
    """
    if not job.paths.grouped:
        return
    arrays = job.paths.arrays
    _of_images(job)
    patterns = read_table(job.paths.table("patterns"), list(OF_PATTERNS))
    for name in _missing(job, OF_PATTERNS):
        write_coordinate(arrays / name, "pattern", patterns[name])
    coefficients = places(job.space.bands, job.space.channels)
    for name in _missing(job, OF_COEFFICIENTS):
        write_coordinate(arrays / name, "coefficient", coefficients[name])
    write_group(arrays, arrays.store.folders(arrays.key), NAMES)


def forget_coordinates(job: Job) -> None:
    """Let all coordinates be written again, because what they are written from is computed again."""
    for name in set(NAMES) & set(job.paths.arrays.store.folders(job.paths.arrays.key)):
        (job.paths.arrays / name / METADATA).unlink()


def _missing(job: Job, names: Iterable[str]) -> list[str]:
    return [name for name in names if not (job.paths.arrays / name / METADATA).exists()]


def _of_images(job: Job) -> None:
    """Write the coordinates of images, in chunks of a row group of the table, one of which is held at a time."""
    length = job.plan.row_count
    chunk = min(length, GROUP_ROWS)
    for name in _missing(job, OF_IMAGES):
        dtype, column = OF_IMAGES[name]
        for index, rows in enumerate(read_groups(job.paths.table("samples"), [column])):
            values = rows[column].cast(pa.string()) if dtype == STRING else rows[column]
            write_values(job.paths.arrays / name, index, values, chunk)
        create_coordinate(job.paths.arrays / name, "image", dtype, length, chunk)


def places(bands: list[Band], channels: int) -> dict[str, pa.Array]:
    """Place of each coefficient, in column order.

    Returns
    -------
    dict
        By the names of OF_COEFFICIENTS: orientation and level of its band (text, int32), its channel, and its row and
        column in the band (int32).
    """
    found = [np.indices((channels, band.rows, band.columns), np.int32).reshape(3, -1) for band in bands]
    sizes = [places.shape[1] for places in found]
    channel, row, column = np.concatenate(found, axis=1)
    band = pa.array([band.orientation for band in bands]).take(pa.array(np.repeat(np.arange(len(bands)), sizes)))
    scale = np.repeat(np.array([band.level for band in bands], np.int32), sizes)
    columns = (band, *(pa.array(values) for values in (scale, channel, row, column)))
    return dict(zip(OF_COEFFICIENTS, columns, strict=True))
