import io
import shutil
import struct
import subprocess
import warnings
import zipfile
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import BadImageError, InputError
from storage.formats.open import find_source, open_source
from storage.formats.zip_members import unpacked
from storage.setting_groups import Access, Reading
from tests.datasets import png, rows_of
from tests.formats import FORMATS, make_images

MOST = 2**20


def write(path, names, **options):
    """A zip file of different images."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for number, name in enumerate(names):
            archive.writestr(name, png(number))
    return open_source(str(path))


def contents(source):
    return list(source.read(source.samples()))


class Unseekable(io.RawIOBase):
    """A file that can only be written on, as a pipe: sizes are written behind each member."""

    def __init__(self):
        self.content = io.BytesIO()

    def writable(self):
        return True

    def write(self, data):
        return self.content.write(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("streamed", [False, True])
@given(files=st.dictionaries(st.text("ab/é", min_size=1).map(lambda name: f"d{name}.png"), st.binary(max_size=300)))
def test_every_member_is_read_as_it_was_written(tmp_path_factory, method, streamed, files):
    made = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    path = tmp_path_factory.mktemp("zip") / "x.zip"
    path.write_bytes((made.content if streamed else made).getvalue())
    with zipfile.ZipFile(path) as archive:
        members = sorted(archive.infolist(), key=lambda member: member.header_offset)
        ends = [*[member.header_offset for member in members], archive.start_dir][1:]
    whole = path.read_bytes()
    for member, end in zip(members, ends, strict=True):
        assert unpacked(whole[member.header_offset : end], MOST) == files[member.filename]


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda rest: b"PK\3\4\x14\0\0\0\x08\0" + bytes(16) + rest))
def test_other_bytes_are_bad_images(record):
    with suppress(BadImageError):
        assert len(unpacked(record, 50)) <= 50


def test_members_are_placed_by_their_folders(tmp_path):
    names = [
        "set/train/a/1.png",
        "set/train/b/2.png",
        "set/val/a/3.png",
        "__MACOSX/set/train/a/._1.png",
        "set/readme.md",
    ]
    source = write(tmp_path / "set.zip", names)
    assert rows_of(source) == [
        ("set.zip/set/train/a/1.png", "a", "train"),
        ("set.zip/set/train/b/2.png", "b", "train"),
        ("set.zip/set/val/a/3.png", "a", "val"),
    ]
    assert contents(source) == [png(0), png(1), png(2)]
    assert [(each.kind, each.count) for each in source.findings.ignored] == [("other files", 1), ("hidden files", 1)]


def test_a_member_without_a_name_is_no_image(tmp_path):
    path = tmp_path / "set.zip"
    write(path, ["a/1.png", "b/2.png", "b/x"])
    path.write_bytes(path.read_bytes().replace(b"b/x", b"\0/x"))  # Python ends a name at a zero
    with zipfile.ZipFile(path) as archive:
        assert [member.filename for member in archive.infolist()] == ["a/1.png", "b/2.png", ""]
    assert [key for key, _, _ in rows_of(open_source(str(path)))] == ["set.zip/a/1.png", "set.zip/b/2.png"]


def test_several_zip_files_are_one_dataset(tmp_path):
    write(tmp_path / "train.zip", ["cat/1.png", "dog/2.png"])
    write(tmp_path / "test.ZIP", ["test/1.png"], compression=zipfile.ZIP_DEFLATED)
    source = open_source(str(tmp_path))
    samples = source.samples()
    assert samples["split"].to_pylist() == ["train", "train", "test"]
    assert samples["class_id"].to_pylist() == [0, 1, None]
    assert contents(source) == [png(0), png(1), png(0)]


def test_folders_inside_class_folders_are_chosen_as_on_a_disk(tmp_path):
    path = tmp_path / "x.zip"
    source = write(path, ["cat/persian/1.png", "cat/siamese/2.png", "dog/poodle/3.png"])
    with pytest.raises(InputError, match=r"x.zip can be read in two ways"):
        source.samples()
    for choice, classes in (("outer-folders", ("cat", "dog")), ("inner-folders", ("persian", "poodle", "siamese"))):
        found = find_source(str(path), reading=Reading(format=choice))
        assert (found.format, found.source.classes) == ("zip", classes)


def test_names_never_lead_out_of_the_archive_and_links_are_not_followed(tmp_path):
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        for number, name in enumerate(("../../cat/1.png", "/dog/2.png", "dog\\3.png")):
            archive.writestr(name, png(number))
        link = zipfile.ZipInfo("dog/4.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    source = open_source(str(tmp_path / "odd.zip"))
    assert [label for _, label, _ in rows_of(source)] == ["cat", "dog", "dog", "dog"]
    *images, linked = contents(source)
    assert images == [png(0), png(1), png(2)]
    assert linked.detail == "a link in a zip file, which is not followed"
    assert list(tmp_path.iterdir()) == [tmp_path / "odd.zip"]


def test_a_damaged_member_is_quarantined_and_its_neighbours_are_not(tmp_path):
    path = tmp_path / "x.zip"
    source = write(path, [f"{'ab'[number % 2]}/{number}.png" for number in range(4)])
    whole = bytearray(path.read_bytes())
    whole[whole.index(png(2)) + 20] ^= 1
    path.write_bytes(whole)
    first, second, third, fourth = contents(source)
    assert (first, second, fourth) == (png(0), png(1), png(3))
    assert (third.reason, third.detail) == ("corrupt", "its content does not match its checksum in the zip file")


@pytest.mark.parametrize("honest", [True, False])
def test_a_bomb_is_unpacked_no_further_than_the_limit(tmp_path, honest):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.png", bytes(2**22))
        archive.writestr("b/2.png", png(1))
    if not honest:
        path.write_bytes(path.read_bytes().replace(struct.pack("<I", 2**22), struct.pack("<I", 10)))
    source = open_source(str(path), Access(max_image_bytes=2**20))
    bomb, image = contents(source)
    assert (bomb.reason, image) == ("too large", png(1))


def test_a_zip_file_that_needs_a_password_is_refused(tmp_path):
    path = tmp_path / "x.zip"
    write(path, ["a/1.png", "b/2.png"])
    whole = bytearray(path.read_bytes())
    for start in (whole.index(b"PK\1\2") + 8, whole.index(b"PK\3\4") + 6):
        whole[start] |= 1
    path.write_bytes(whole)
    with pytest.raises(
        InputError, match=r"x.zip holds 1 encrypted image, such as a/1.png. Pack the files again without"
    ):
        open_source(str(path)).samples()


def test_an_unknown_compression_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"x.zip holds 2 images compressed by lzma, which cannot be read"):
        write(tmp_path / "x.zip", ["a/1.png", "b/2.png"], compression=zipfile.ZIP_LZMA).samples()


@pytest.mark.parametrize("kept", [0, 0.4, 0.99])
def test_a_zip_file_that_is_cut_short_is_refused(tmp_path, kept):
    path = tmp_path / "x.zip"
    write(path, ["a/1.png", "b/2.png"])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(InputError, match=r"x.zip is not a complete zip file: .*Get it again"):
        open_source(str(path)).samples()


def test_a_zip_file_that_changed_since_it_was_listed_gives_bad_images(tmp_path):
    source = write(tmp_path / "x.zip", ["a/1.png", "b/2.png"])
    samples = source.samples()
    write(tmp_path / "x.zip", ["a/another/1.png"])
    first, second = source.read(samples)
    assert (first.reason, second.reason) == ("truncated", "truncated")


def test_names_that_come_twice_are_two_samples(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = write(tmp_path / "x.zip", ["a/1.png", "a/1.png", "b/1.png"])
    assert source.samples()["key"].to_pylist() == ["x.zip/a/1.png", "x.zip/a/1.png#2", "x.zip/b/1.png"]
    assert contents(source) == [png(0), png(1), png(2)]


@pytest.mark.skipif(shutil.which("zip") is None, reason="the program zip is not installed")
def test_the_program_zip_writes_what_is_read(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for number, name in enumerate(("a/1.png", "b/2.png")):
        (tmp_path / name).write_bytes(png(number))
    subprocess.run([shutil.which("zip"), "-qr", "x.zip", "a", "b"], cwd=tmp_path, check=True)
    assert sorted(contents(open_source(str(tmp_path / "x.zip"))), key=zlib.crc32) == sorted(
        map(png, (0, 1)), key=zlib.crc32
    )


def test_a_zip_file_without_images_does_not_hide_a_dataset_beside_it(tmp_path):
    images = make_images(count=3)
    FORMATS["hugging-face"](tmp_path / "set", images)
    write(tmp_path / "set/code.zip", ["train.py"])
    found = find_source(str(tmp_path / "set"))
    assert (found.format, len(found.source.samples())) == ("parquet", len(images))
    assert [(each.kind, each.count) for each in found.source.findings.ignored] == [("other files", 1)]
    write(tmp_path / "set/images.zip", ["a/1.png", "b/2.png"])
    with pytest.raises(InputError, match=r"can be read in 2 ways: as parquet .* as zip .*Pass --format"):
        find_source(str(tmp_path / "set"))
