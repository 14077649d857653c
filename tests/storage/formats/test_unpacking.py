import gzip
import os
import shutil
import tempfile

import numpy as np
import pytest

from storage.errors import InputError
from storage.formats.open import open_source
from storage.formats.unpacking import MOST_EXPANSION
from tests.formats import idx

SENTENCE = r"images-idx3-ubyte.gz is unpacked to 131,088 bytes by each process, but .* has {} bytes left; set TMPDIR"


@pytest.fixture
def packed(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (2, 256, 256))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(2)))
    return str(tmp_path)


def test_room_is_looked_for_before_anything_is_unpacked(packed, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**40, 2**40, 5000))  # noqa: SLF001
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: pytest.fail("a file was made"))
    with pytest.raises(InputError, match=SENTENCE.format("5,000")):
        open_source(packed).samples()


def test_a_folder_that_becomes_full_is_not_called_a_damaged_file(packed, monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: open("/dev/full", "w+b"))  # noqa: PTH123, SIM115
    with pytest.raises(InputError, match=SENTENCE.format("[0-9,]+")):
        open_source(packed).samples()


def test_the_sentence_names_the_folder_that_tmpdir_gives(packed, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(9, 9, 9 * (folder != packed)))  # noqa: SLF001
    with pytest.raises(InputError, match=f"but {tmp_path} has 0 bytes left"):
        open_source(packed).samples()


def test_a_header_that_lies_needs_no_more_room_than_its_file_can_fill(tmp_path, monkeypatch):
    content = gzip.compress(idx(np.zeros((2, 8, 8)))[:4] + b"\x7f" * 12 + bytes(100))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(content)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(2)))
    free = MOST_EXPANSION * len(content)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**40, 2**40, free))  # noqa: SLF001
    with pytest.raises(InputError, match="has 116 bytes where its header announces"):
        open_source(str(tmp_path)).samples()
    assert os.path.exists("/dev/full")  # noqa: PTH110
