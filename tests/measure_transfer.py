"""Write a chunk of 32 MiB to a workspace and read it, and print how many bytes of memory that took beside the chunk."""

import json
import sys

import numpy as np

from storage.arrays.zarr import read_chunk, write_chunk
from storage.stores.open import open_path
from tests.measure_memory import peak_since_reset

SHAPE = (2**12, 2**11)


def main(address):
    path, values = open_path(address) / "chunk", np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    write_chunk(path, values[:1])
    read_chunk(path, (1, SHAPE[1]))
    start = peak_since_reset() and peak_since_reset()
    write_chunk(path, values)
    written = peak_since_reset()
    values = read_chunk(path, SHAPE)
    sys.stdout.write(json.dumps([written - start, peak_since_reset() - written - values.nbytes]))


if __name__ == "__main__":
    main(*sys.argv[1:])
