"""Coordinates are read by zarr as they were written, and have the bytes that zarr itself writes."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.codecs import Crc32cCodec

from storage.arrays.coordinates import create_coordinate, write_coordinate, write_group, write_values
from storage.arrays.zarr import STRING, write_array
from storage.stores.open import open_path
from tests.runs import local

TEXTS = st.lists(st.none() | st.text(max_size=8), min_size=1, max_size=20)
NUMBERS = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20)
VALUES = TEXTS.map(lambda found: pa.array(found, pa.string())) | NUMBERS.map(lambda found: pa.array(found, pa.int64()))


@given(VALUES)
def test_values_come_back_and_unknown_ones_are_empty(values):
    chunk = max(1, len(values) // 2)
    dtype, empty = (STRING, "") if pa.types.is_string(values.type) else ("int64", 0)
    with tempfile.TemporaryDirectory() as folder:
        path = open_path(folder) / "name"
        create_coordinate(path, "image", dtype, len(values), chunk)
        for index in range(0, len(values), chunk):
            write_values(path, index // chunk, values[index : index + chunk], chunk)
        array = zarr.open_array(str(path), mode="r")
        expected = [empty if value is None else value for value in values.to_pylist()]
        assert array[:].tolist() == expected
        assert array.metadata.dimension_names == ("image",)

        other = zarr.create_array(
            Path(folder) / "other",
            shape=array.shape,
            chunks=array.chunks,
            dtype=array.dtype,
            compressors=[Crc32cCodec()],
            filters=None,
            config={"write_empty_chunks": True},
        )
        other[:] = np.array(expected, array.dtype)
        for chunk_file in (Path(folder) / "other" / "c").iterdir():
            assert chunk_file.read_bytes() == (Path(folder) / "name" / "c" / chunk_file.name).read_bytes()


def test_a_flipped_bit_is_found(tmp_path):
    path = open_path(tmp_path) / "name"
    write_coordinate(path, "image", pa.chunked_array([["cat", "dog"], ["cow"]]))
    chunk = local(path) / "c" / "0"
    content = bytearray(chunk.read_bytes())
    content[9] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(ValueError, match="checksum"):
        zarr.open_array(tmp_path / "name", mode="r")[:]


def test_a_group_needs_no_other_file_to_be_opened(tmp_path):
    group = open_path(tmp_path)
    write_array(group / "scores", np.ones((2, 3), np.float32), ("image", "pattern"))
    write_coordinate(group / "key", "image", pa.array(["a", "b"]))
    write_group(group, ["scores", "key"], ["key"])
    whole = zarr.open_group(tmp_path, mode="r")
    assert whole["key"][:].tolist() == ["a", "b"]
    for name in ("scores", "key"):
        alone = zarr.open_array(tmp_path / name, mode="r")
        assert json.dumps(whole[name].metadata.to_dict()) == json.dumps(alone.metadata.to_dict())
        (tmp_path / name / "zarr.json").unlink()
    found = zarr.open_group(tmp_path, mode="r")
    assert {name: array.shape for name, array in found.arrays()} == {"scores": (2, 3), "key": (2,)}
    assert found.attrs["coordinates"] == "key"
