import numpy as np
import pytest
import zarr
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.arrays.zarr import ArraySpec, chunk_path, create_array, link_chunk, read_chunk, write_array, write_chunk
from storage.errors import EigenwaveError
from storage.stores.open import open_path
from tests.runs import local


def make(path, values, rows):
    create_array(path, ArraySpec(values.shape, (rows, values.shape[1]), ("row", "column")))
    digests = []
    for index, start in enumerate(range(0, len(values), rows)):
        chunk = np.full((rows, values.shape[1]), np.nan, np.float32)
        chunk[: len(values) - start] = values[start : start + rows]
        digests.append(write_chunk(chunk_path(path, index), chunk))
    return digests


@given(n=st.integers(1, 20), p=st.integers(1, 9), rows=st.integers(1, 8))
@settings(max_examples=30, deadline=None)
def test_zarr_reads_what_was_written(tmp_path_factory, n, p, rows):
    path = open_path(tmp_path_factory.mktemp("arrays")) / "a.zarr"
    values = np.random.default_rng(n).standard_normal((n, p)).astype(np.float32)
    digests = make(path, values, rows)
    assert np.array_equal(zarr.open_array(str(path), mode="r")[:], values)
    chunks = np.concatenate([read_chunk(chunk_path(path, i), (rows, p)) for i in range(len(digests))])
    assert np.array_equal(chunks[:n], values)
    assert [blake3(chunk_path(path, i).read_bytes()).hexdigest() for i in range(len(digests))] == digests


def test_every_flipped_bit_is_found(tmp_path):
    folder = open_path(tmp_path)
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    make(folder / "a.zarr", values, 4)
    path = local(chunk_path(folder / "a.zarr", 0))
    good = path.read_bytes()
    for bit in range(0, 8 * len(good), 7):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(EigenwaveError, match="is damaged"):
            read_chunk(open_path(path), (4, 3))
        with pytest.raises(ValueError, match="checksum"):
            zarr.open_array(tmp_path / "a.zarr", mode="r")[:]


def test_truncated_or_missing_chunk_is_found(tmp_path):
    folder = open_path(tmp_path)
    make(folder / "a.zarr", np.ones((4, 3), np.float32), 4)
    path = local(chunk_path(folder / "a.zarr", 0))
    for size in (20, 1, 0):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(EigenwaveError, match="is damaged"):
            read_chunk(open_path(path), (4, 3))
    path.unlink()
    with pytest.raises(EigenwaveError, match="cannot be read: No such file"):
        read_chunk(open_path(path), (4, 3))


def test_what_was_never_written_reads_as_nan(tmp_path):
    folder = open_path(tmp_path)
    create_array(folder / "a.zarr", ArraySpec((4, 3), (2, 3), ("row", "column")))
    assert np.isnan(zarr.open_array(tmp_path / "a.zarr", mode="r")[:]).all()


def test_linked_chunk_shares_its_bytes(tmp_path):
    folder = open_path(tmp_path)
    values = np.ones((2, 3), np.float32)
    write_chunk(folder / "shard", values)
    create_array(folder / "a.zarr", ArraySpec((2, 3), (2, 3), ("row", "column")))
    for _ in range(2):  # again, as a resumed run does
        link_chunk(folder / "a.zarr", 0, folder / "shard")
    assert np.array_equal(read_chunk(chunk_path(folder / "a.zarr", 0), (2, 3)), values)
    assert local(chunk_path(folder / "a.zarr", 0)).samefile(tmp_path / "shard")


def test_link_copies_where_links_are_not_possible(tmp_path, monkeypatch):
    folder = open_path(tmp_path)

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    write_chunk(folder / "shard", np.ones((2, 3), np.float32))
    link_chunk(folder / "a.zarr", 0, folder / "shard")
    assert chunk_path(folder / "a.zarr", 0).read_bytes() == (folder / "shard").read_bytes()


def test_one_dimensional_float64(tmp_path):
    folder = open_path(tmp_path)
    write_array(folder / "m.zarr", np.arange(5.0), ("coefficient",))
    array = zarr.open_array(tmp_path / "m.zarr", mode="r")
    assert array.dtype == np.float64
    assert array[:].tolist() == [0, 1, 2, 3, 4]
