"""Read the scores of a shard, of a run that goes on or is finished."""

from storage.arrays.zarr import array_shape, chunk_path, read_chunk
from storage.stores.store import StorePath
from tasks.dtypes import Float32


def read_scores(array: StorePath, rows_per_shard: int, shard: int) -> Float32:
    """Read the scores of a shard's rows (rows_per_shard, k); NaN where there is no valid image.

    Hold them no longer than until the next shard is read: see `storage.arrays.scratch`.

    Raises
    ------
    DamagedError
        If they are missing or damaged.
    """
    return read_chunk(chunk_path(array, shard), (rows_per_shard, array_shape(array)[0][1]))
