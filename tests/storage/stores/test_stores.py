"""All stores behave the same: a local folder, and servers of S3, Google Cloud Storage and Azure."""

import json
import os
import pickle
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from storage.arrays.npy import load_npy, load_npy_rows, save_npy
from storage.arrays.zarr import ArraySpec, chunk_path, create_array, link_chunk, open_array, read_chunk, write_chunk
from storage.errors import DamagedError, EigenwaveError, InputError
from storage.runs.shards import find_shard, store_shard
from storage.runs.workspace import Workspace
from storage.stores.files import digest_of, remove_folder, replacing, write_file
from storage.stores.open import open_path, open_store
from storage.tables.parquet import read_rows, write_table


@pytest.fixture
def folder(address):
    path = open_path(address)
    path.store.require_usable()
    return path


def test_chunks_are_read_whole_or_called_damaged(folder):
    values = np.random.default_rng(0).standard_normal((300, 700)).astype(np.float32)
    digest = write_chunk(folder / "chunk", values)
    assert digest_of(folder / "chunk") == digest
    assert np.array_equal(read_chunk(folder / "chunk", (300, 700)), values)
    for shape in ((299, 700), (301, 700)):
        with pytest.raises(DamagedError, match="is damaged"):
            read_chunk(folder / "chunk", shape)
    with pytest.raises(DamagedError, match="cannot be read"):
        read_chunk(folder / "missing", (300, 700))


def test_what_is_written_is_read(folder):
    path = folder / "a" / "b"
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        path.read_bytes()
    write_file(path, b"ab", memoryview(b"c"))
    assert (path.read_bytes(), path.size(), path.name) == (b"abc", 3, "b")
    write_file(path, b"other")
    with path.open() as file:
        file.seek(-3, 2)
        assert file.read(2) == b"he"
    assert digest_of(path).startswith("3f796163")
    write_file(folder / "empty")
    assert (folder / "empty").read_bytes() == b""


def test_large_files_come_back_whole(folder):
    content = np.random.default_rng(0).bytes(2**24 + 5)
    write_file(folder / "parts", memoryview(content), b"end")
    with replacing(folder / "replaced") as partial:
        partial.write_bytes(content)
    assert (folder / "parts").read_bytes() == content + b"end"
    assert digest_of(folder / "parts") != digest_of(folder / "replaced")
    assert (folder / "replaced").read_bytes() == content


def test_a_failed_replacement_leaves_the_old_file(folder):
    path = folder / "file"
    write_file(path, b"old")

    def fail():
        with replacing(path) as partial:
            partial.write_bytes(b"new, in part")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == b"old"
    assert folder.files() == [path]


def test_listing_and_removing(folder):
    for name in ("runs/b/x", "runs/a/deep/y", "runs/latest", "runs-not/z"):
        write_file(folder / name, b"1")
    assert [path.key for path in (folder / "runs").files()] == ["runs/a/deep/y", "runs/b/x", "runs/latest"]
    assert folder.store.folders("runs") == ["a", "b"]
    assert folder.store.folders("nowhere") == []
    assert (folder / "runs").is_dir()
    assert not (folder / "run").is_dir()
    (folder / "runs/b/x").unlink()
    (folder / "runs/b/x").unlink()
    remove_folder(folder / "runs" / "a")
    remove_folder(folder / "runs" / "a")
    assert [path.key for path in folder.files()] == ["runs-not/z", "runs/latest"]
    entry = next(folder.store.files("runs"))
    assert entry.size == 1
    assert entry.modified.tzinfo is not None


def test_arrays_tables_and_shards(folder, address):
    values = np.arange(24, dtype=np.float32).reshape(6, 4)
    workspace = Workspace(address)
    store_shard(workspace, "0123", values[:3], 3, ())
    assert find_shard(workspace, "0123").rows == 3
    create_array(folder / "a.zarr", ArraySpec((6, 4), (3, 4), ("row", "column")))
    link_chunk(folder / "a.zarr", 0, workspace.chunk("0123"))
    write_chunk(chunk_path(folder / "a.zarr", 1), values[3:])
    assert np.array_equal(open_array(folder / "a.zarr")[:], values)
    assert [path.key for path in (folder / "a.zarr").files()] == ["a.zarr/c/0/0", "a.zarr/c/1/0", "a.zarr/zarr.json"]
    save_npy(folder / "a.npy", values.T)
    assert np.array_equal(load_npy(folder / "a.npy"), values.T)
    assert load_npy(folder / "a.npy").flags.writeable
    assert np.array_equal(load_npy_rows(folder / "a.npy", slice(1, 3)), values.T[1:3])
    columns = {"fraction": [0.1, 0.2]}
    schema = pa.schema([pa.field("fraction", pa.float64())])
    write_table(folder / "t.parquet", schema, columns, {})
    assert read_rows(folder / "t.parquet", ["fraction"], range(1, 2))["fraction"].to_pylist() == [0.2]


def test_numpy_reads_saved_arrays(tmp_path):
    values = np.asfortranarray(np.random.default_rng(0).random((3, 5)))
    save_npy(open_path(tmp_path) / "a.npy", values)
    assert np.array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), values)


def test_addresses_hold_no_credentials(folder):
    content = pickle.dumps(folder.store)
    assert b"canary" not in content
    assert pickle.loads(content) == folder.store  # noqa: S301 - our own
    assert b"canary" not in str(folder).encode()


def test_unusable_stores_are_refused(s3_server, monkeypatch):
    for name, value in s3_server[1].items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=r"s3://nowhere/x cannot be used: .* create the bucket or container first"):
        open_store("s3://nowhere/x").require_usable()
    with pytest.raises(InputError, match="is not a local path and begins with none of s3://"):
        open_store("ftp://host/x")
    with pytest.raises(EigenwaveError, match="create the bucket"):
        write_file(open_path("s3://nowhere/x") / "file", b"x")


@pytest.mark.slow
def test_what_is_on_its_way_to_an_object_store_takes_little_memory(s3_server):
    """Parts are sent from where they are, and received in small pieces; the server is in this process."""
    server, environment = s3_server
    command = [sys.executable, "-m", "tests.measure_transfer", f"{server}/{uuid.uuid4().hex}"]
    root = Path(__file__).parents[3]
    output = subprocess.run(command, cwd=root, env=os.environ | environment, capture_output=True, check=True).stdout
    assert max(json.loads(output)) < 12 * 2**20
