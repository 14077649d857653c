from pathlib import Path

import pytest

from storage.errors import EigenwaveError
from storage.stores.files import digest_of, remove_partials, replacing, write_file
from storage.stores.open import open_path


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = open_path(tmp_path) / "file"
    write_file(path, b"old")

    def fail():
        with replacing(path) as partial:
            partial.write_bytes(b"new, in part")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_full_disk_is_told_in_one_sentence(tmp_path):
    def fill():
        with replacing(open_path(tmp_path) / "file"), Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(EigenwaveError, match="cannot be written: No space left on device; free some space"):
        fill()
    assert not list(tmp_path.iterdir())


def test_parts_are_joined_and_digested(tmp_path):
    path = open_path(tmp_path) / "deep" / "file"
    write_file(path, b"ab", memoryview(b"c"))
    assert path.read_bytes() == (tmp_path / "deep" / "file").read_bytes() == b"abc"
    assert digest_of(path).startswith("6437b3ac")


def test_what_a_killed_writer_left_is_removed(tmp_path):
    folder = open_path(tmp_path)
    kept = folder / "deep" / "file"
    write_file(kept, b"kept")
    # A writer killed in the block never leaves it.
    writer = replacing(kept)
    writer.__enter__().write_bytes(b"in part")
    remove_partials(folder)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]
    with pytest.raises(EigenwaveError, match="cannot be written"):
        writer.__exit__(None, None, None)
    assert kept.read_bytes() == b"kept"
