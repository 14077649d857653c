"""Datasets in archives, tables and arrays, written out as files after their issues were acted on."""

import zipfile
from collections import Counter
from errno import ENOSPC
from os import strerror

import numpy as np
import pytest
from PIL import Image

from storage.errors import InputError
from storage.formats.open import open_source
from storage.settings import Settings
from tasks.issues.actions import read_actions
from tasks.issues.fixed import fix
from tasks.issues.unpacked import unpack_folders
from tests.datasets import rows_of
from tests.formats import ARRAYS, ENCODED, make_images, write_idx, write_parquet_list, write_zip
from tests.formats import write_csv as write_list_of_files
from tests.formats import write_folder as write_files


def acted(folder, source, *rows):
    """A dataset after actions on some of its images."""
    lines = ["key,action", *(f"{key},{action}" for key, action in rows)]
    (folder / "to-do.csv").write_text("\n".join(lines) + "\n")
    return fix(read_actions(folder / "to-do.csv"), str(source), Settings())


def written(folder, source, *rows):
    fixed = acted(folder, source, *rows)
    return unpack_folders(fixed, fixed.stored, folder / "fixed")


IN_FILES = {write_files, write_list_of_files, write_parquet_list}


@pytest.mark.parametrize("write", [write for write in (ENCODED | ARRAYS).values() if write not in IN_FILES])
def test_every_image_is_a_file_with_its_pixels_and_new_label(tmp_path, write):
    images = make_images(6)
    source = write(tmp_path / "source", images)
    found = open_source(str(source))
    keys, names = [key for key, *_ in rows_of(found)], found.classes
    assert written(tmp_path, source, (keys[0], "drop"), (keys[1], f"relabel:{names[2]}")) == []
    expected = Counter((image.pixels.tobytes(), names[image.label], image.split) for image in images[2:])
    expected[images[1].pixels.tobytes(), names[2], "train"] += 1
    found = Counter()
    for path in (tmp_path / "fixed").rglob("*.*"):
        with Image.open(path) as image:
            assert path.suffix == (".jpg" if image.format == "JPEG" else ".png")
            found[np.asarray(image).tobytes(), path.parent.name, path.parent.parent.name] += 1
    assert found == expected
    assert len(rows_of(open_source(str(tmp_path / "fixed")))) == len(images) - 1
    assert list(tmp_path.glob("fixed*")) == [tmp_path / "fixed"]


def test_image_files_keep_their_bytes_and_what_cannot_be_read_is_left_out(tmp_path):
    images = make_images(6)
    address = write_zip(tmp_path / "source", images)
    with zipfile.ZipFile(address / "train.zip", "a") as archive:
        archive.writestr("train/ant/zz.jpg", b"no image")
    [left_out] = written(tmp_path, address)
    assert left_out.startswith("train.zip/train/ant/zz.jpg cannot be read: unknown format, ")
    for image in images:
        assert (tmp_path / "fixed" / image.name).read_bytes() == image.file


def test_images_that_no_file_can_hold_are_refused(tmp_path):
    np.savez(tmp_path / "floats.npz", images=np.random.default_rng(0).random((20, 8, 8, 3)), labels=np.arange(20) % 2)
    with pytest.raises(InputError, match="cannot be written as image files: none holds values of float64 x 3 without"):
        written(tmp_path, tmp_path / "floats.npz")
    assert not (tmp_path / "fixed").exists()


def test_nothing_is_written_into_a_folder_that_holds_something(tmp_path):
    source = write_idx(tmp_path / "source", make_images(6))
    (tmp_path / "fixed").mkdir()
    (tmp_path / "fixed" / "mine").write_text("kept")
    with pytest.raises(InputError, match="fixed is not empty; give a new one"):
        written(tmp_path, source)
    assert (tmp_path / "fixed" / "mine").read_text() == "kept"
    (tmp_path / "fixed" / "mine").unlink()
    assert written(tmp_path, source) == []


def test_a_write_that_fails_leaves_no_half_a_dataset(tmp_path, monkeypatch):
    source = write_idx(tmp_path / "source", make_images(6))

    def full(*_):
        raise OSError(ENOSPC, strerror(ENOSPC))

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(InputError, match=r"fixed cannot be written: No space left on device\."):
        written(tmp_path, source)
    assert list(tmp_path.glob("fixed*")) == []
