import gzip
import io
import logging
import tarfile
from types import SimpleNamespace

import pytest

from storage.errors import InputError
from storage.formats import packed_tar
from storage.formats.open import open_source
from tests.datasets import png, rows_of
from tests.formats import add

NAMES = ["set/train/cat/1.png", "set/train/dog/2.png", "set/val/images/3.png"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EIGENWAVE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / packed_tar.FOLDER


def packed(names=NAMES, mode="w:gz"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as tar:
        for number, name in enumerate(names):
            add(tar, name, png(number))
        add(tar, "set/val/val_annotations.txt", b"3.png\tdog\n")
    return file.getvalue()


@pytest.mark.parametrize(
    ("ending", "mode"), [("tar.gz", "w:gz"), ("TGZ", "w:gz"), ("tar.bz2", "w:bz2"), ("tar.xz", "w:xz")]
)
def test_a_compressed_tar_file_is_unpacked_once_and_read_as_a_plain_one(tmp_path, cache, caplog, ending, mode):
    path = tmp_path / f"set.{ending}"
    path.write_bytes(packed(mode=mode))
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            source = open_source(str(path))
            assert rows_of(source) == [
                (f"set.{ending}/set/train/cat/1.png", "cat", "train"),
                (f"set.{ending}/set/train/dog/2.png", "dog", "train"),
                (f"set.{ending}/set/val/images/3.png", "dog", "val"),
            ]
            assert list(source.read(source.samples())) == [png(0), png(1), png(2)]
    assert [record.message.split()[0] for record in caplog.records].count("unpacking") == 1
    assert [note.kind for note in source.findings.notes] == ["label files", "unpacked archives"]
    assert len(list(cache.glob("*.tar"))) == len(list(cache.glob("[!.]*"))) == 1


def test_another_file_at_the_same_place_is_unpacked_again_and_the_old_one_removed(tmp_path, cache):
    path = tmp_path / "set.tgz"
    path.write_bytes(packed())
    open_source(str(path)).samples()
    (old,) = cache.glob("*.tar")
    path.write_bytes(packed(NAMES[:2]))
    assert len(open_source(str(path)).samples()) == 2
    (new,) = cache.glob("*.tar")
    assert new != old


def test_a_file_that_is_there_compressed_and_not_counts_once(tmp_path):
    (tmp_path / "set.tar.gz").write_bytes(packed())
    (tmp_path / "set.tar").write_bytes(gzip.decompress(packed()))
    assert len(open_source(str(tmp_path)).samples()) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (packed()[:-20], r"x.tgz is damaged or cut short: .*Get it again"),
        (b"no gzip", r"x.tgz is damaged or cut short"),
        (gzip.compress(b""), r"x.tgz is empty"),
        (gzip.compress(bytes(2**20)), r"x.tgz holds no tar file"),
        (gzip.compress(b"text" * 1000), r"x.tgz holds no tar file"),
    ],
    ids=["cut short", "no gzip", "empty", "zeros", "text"],  # the bytes hold the time, and so differ between processes
)
def test_what_cannot_be_unpacked_is_refused_and_leaves_nothing(tmp_path, cache, content, message):
    (tmp_path / "x.tgz").write_bytes(content)
    source = open_source(str(tmp_path / "x.tgz"))
    with pytest.raises(InputError, match=message):
        source.samples()
    assert not list(cache.glob("[!.]*"))


def test_it_stops_before_the_disk_is_full(tmp_path, cache, monkeypatch):
    (tmp_path / "x.tgz").write_bytes(packed())
    monkeypatch.setattr(packed_tar.shutil, "disk_usage", lambda _: SimpleNamespace(free=2**30 + 100))
    with pytest.raises(InputError, match=r"no room to unpack .*x.tgz: after 0 MiB, less than 1 GiB would be left"):
        open_source(str(tmp_path / "x.tgz")).samples()
    assert not list(cache.glob("[!.]*"))


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("EIGENWAVE_CACHE", str(tmp_path / "file"))
    (tmp_path / "x.tgz").write_bytes(packed())
    with pytest.raises(InputError, match=r"The cache .* cannot be written"):
        open_source(str(tmp_path / "x.tgz")).samples()
