"""The place of an image leads to its bytes, for a person and for other programs."""

import shutil
import tarfile
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from storage.errors import InputError
from storage.formats.open import find_source
from storage.formats.places import Places
from tests.formats import ENCODED, FORMATS, make_images, write_csv, write_folder, write_tar, write_zip


def opened(place):
    """The bytes of an image at a place."""
    path, _, member = place.partition("::")
    if not member:
        return Path(path).read_bytes()
    if path.endswith(".zip"):
        return zipfile.ZipFile(path).read(member)
    with tarfile.open(path) as archive:
        return archive.extractfile(member).read()


def places(address):
    """The place of every image of a dataset, and its bytes."""
    found = find_source(str(address))
    samples = found.source.samples()
    named = zip(samples["key"].to_pylist(), samples["length"].to_pylist(), strict=True)
    there = Places(str(address), found.format)
    return [there.of(key, length) for key, length in named], list(found.source.read(samples))


@pytest.mark.parametrize("write", [write_folder, write_csv, write_tar, write_zip])
def test_files_and_members_of_archives(tmp_path, write):
    found, payloads = places(write(tmp_path / "data", make_images(3)))
    assert [opened(place) for place in found] == payloads


def test_rows_of_tables(tmp_path):
    found, payloads = places(FORMATS["hugging-face"](tmp_path / "data", make_images(3)))
    for place, payload in zip(found, payloads, strict=True):
        path, row = place.split("#")
        assert pq.read_table(path)["image"][int(row)].as_py()["bytes"] == payload


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - ENCODED.keys()))
def test_arrays_have_no_files_so_the_key_is_named(tmp_path, name):
    address = FORMATS[name](tmp_path / "data", make_images(3))
    found, _ = places(address)
    assert all(place.startswith(f"{address}#") for place in found)
    assert len(set(found)) == len(found)


def test_images_that_a_list_names_twice_elsewhere_and_by_url(tmp_path):
    write_folder(tmp_path / "data", make_images(3))
    lists = tmp_path / "lists"
    lists.mkdir()
    away = shutil.copy(tmp_path / "data/train/ant/00001.jpg", tmp_path / "odd #1.jpg")
    urls = "https://example.org/a%20b.jpg,ant\n"
    inside = "../data/train/ant/00000.jpg,ant\n"
    (lists / "list.csv").write_text(f"path,label\n{inside}{inside}{away},bee\n{urls}")
    found = find_source(str(lists / "list.csv"))
    samples = found.source.samples()
    there = Places(str(lists / "list.csv"), found.format)
    named = zip(samples["key"].to_pylist(), samples["length"].to_pylist(), strict=True)
    first = str(tmp_path / "data/train/ant/00000.jpg")
    assert [there.of(*one) for one in named] == [first, first, str(away), "https://example.org/a%20b.jpg"]


def test_archives_are_told_from_folders_that_are_called_like_one(tmp_path):
    found, payloads = places(write_zip(tmp_path / "data.zip", make_images(3)))
    assert [opened(place) for place in found] == payloads


def test_a_dataset_that_is_gone_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"The dataset .*gone cannot be read"):
        Places(str(tmp_path / "gone"), "folders")
