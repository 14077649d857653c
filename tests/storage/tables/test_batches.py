import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import DamagedError
from storage.stores.files import write_file
from storage.stores.open import open_path
from storage.tables.batches import metadata_of, read_batch, write_batch, write_batches
from storage.tables.schemas import PART

ROWS = st.fixed_dictionaries(
    {
        "class_id": st.integers(-1, 2**31 - 1),
        "split": st.sampled_from(["train", "test", "\u00fcber"]),
        "sample_id": st.integers(0, 2**64 - 1),
        "stamp": st.none() | st.binary(min_size=32, max_size=32),
        "digest": st.none() | st.binary(min_size=16, max_size=16),
        "reason": st.none() | st.text("a\u00e4\u2603", max_size=3),
        "detail": st.none() | st.text("a\u00e4\u2603", max_size=3),
    }
)


def columns_of(rows):
    return {name: [row[name] for row in rows] for name in PART.names}


@given(st.lists(st.lists(ROWS, max_size=9), min_size=1, max_size=5))
def test_each_batch_comes_back(tmp_path_factory, batches):
    path = open_path(tmp_path_factory.mktemp("batches")) / "t.batches"
    write_batches(path, PART, len(batches), lambda number: columns_of(batches[number]), {"n": [1, "a"]})
    for number, rows in enumerate(batches):
        batch = read_batch(path, number)
        assert batch.to_pylist() == rows
        assert batch.schema.remove_metadata().equals(PART.remove_metadata())
        assert metadata_of(batch, "n") == [1, "a"]
    for missing in (len(batches), len(batches) + 1, 2**40):
        with pytest.raises(DamagedError, match=r"t\.batches cannot be read: it is damaged"):
            read_batch(path, missing)


SCHEMA = pa.schema([("n", pa.int64())])


def numbers(batch):
    return {"n": np.arange(20) + 100 * batch}


def test_of_a_larger_table_only_the_piece_is_written(tmp_path):
    path, table = open_path(tmp_path) / "t.batches", pa.chunked_array([range(5000), range(5000, 9000)])
    write_batch(path, SCHEMA, {"n": table.slice(4998, 4)}, {})
    assert read_batch(path)["n"].to_pylist() == [4998, 4999, 5000, 5001]
    assert path.size() < 2000


def test_a_flipped_bit_in_any_byte_is_found_and_spoils_no_other_batch(tmp_path):
    path = open_path(tmp_path) / "t.batches"
    write_batches(path, SCHEMA, 3, numbers, {})
    good, offsets = path.read_bytes(), 4 * 8
    for place in range(len(good)):
        spoilt = bytearray(good)
        spoilt[place] ^= 1 << place % 8
        (tmp_path / "t.batches").write_bytes(spoilt)
        unread = 0
        for number in range(3):
            try:
                assert read_batch(path, number)["n"].to_pylist() == numbers(number)["n"].tolist()
            except DamagedError:
                unread += 1
        assert (unread == 1) if place >= offsets else unread, place


@pytest.mark.parametrize(
    "content", [b"", b"not a table", b"\0" * 64, b"\xff" * 64, b"\x10" + b"\0" * 7 + b"\x10" + b"\0" * 90]
)
def test_what_is_no_such_file_is_told(tmp_path, content):
    path = open_path(tmp_path) / "t.batches"
    write_file(path, content)
    with pytest.raises(DamagedError, match=r"^The table .*t\.batches cannot be read: it is damaged$"):
        read_batch(path)
    path.unlink()
    with pytest.raises(DamagedError, match=r"^The table .*t\.batches cannot be read: No such file or directory$"):
        read_batch(path)


def test_reading_one_of_many_batches_everywhere(address):
    path = open_path(address) / "t.batches"
    write_batches(path, SCHEMA, 3000, numbers, {})
    for number in (0, 1, 1234, 2999):
        assert read_batch(path, number)["n"].to_pylist() == numbers(number)["n"].tolist()
    with pytest.raises(DamagedError):
        read_batch(path, 3000)
    with pytest.raises(DamagedError, match="cannot be read"):
        read_batch(open_path(address) / "none.batches")
