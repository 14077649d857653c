"""Every row of the table of bad input in docs/inputs.md, each with a file that really has the fault."""

import errno
import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile

import h5py
import numcodecs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from PIL import Image
from zarr.codecs import BloscCodec

from storage.datasets.source import intact
from storage.errors import BadImageError, InputError
from storage.formats.open import open_source
from storage.pixels.images import ImageForm
from storage.pixels.payloads import decode
from storage.settings import Settings
from tasks.planning.check import check_source
from tests.datasets import write_images
from tests.formats import FORMATS, add, idx, make_images, write_cifar10_pickles, write_tar

FORM = ImageForm(8, 8, 3)


def encode(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def found(folder, **settings):
    """Reasons why images of a dataset are bad, by key, as `eigenwave check` finds them."""
    report = check_source(str(folder), Settings(**settings))
    return {key: (reason, detail) for key, reason, detail in report.looked.bad}


def refused(address, message):
    with pytest.raises(InputError, match=message):
        open_source(str(address)).samples()


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
BAD_FILES = {
    "empty": (b"", "empty", "no bytes"),
    "html": (b"<!DOCTYPE html><title>404</title>", "unknown format", "not one of JPEG"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", "unknown format", "not one of"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown format", "not one of"),
    "short-jpeg": (encode(NOISE, "JPEG")[:900], "truncated", "Premature end"),
    "short-png": (encode(NOISE)[:900], "truncated", "ends within a chunk"),
    "bomb": (encode(Image.new("1", (2**15, 2**14))), "too large", "exceeds limit"),
    "float": (encode(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF"), "unknown range", "--value-range"),
    "integers": (encode(Image.fromarray(np.ones((8, 8), np.int32)), "TIFF"), "unknown range", "--value-range"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_quarantined_by_name_and_reason(class_folders, name):
    content, reason, detail = BAD_FILES[name]
    (class_folders / "cat" / "bad.jpg").write_bytes(content)
    ((key, (found_reason, found_detail)),) = found(class_folders).items()
    assert (key, found_reason) == ("cat/bad.jpg", reason)
    assert detail in found_detail


def test_not_finite_and_out_of_range_pixels_are_quarantined(class_folders):
    for name, value in (("nan", np.nan), ("infinite", np.inf), ("fine", 3.0), ("large", 7.0)):
        pixels = np.full((8, 8), 1, np.float32)
        pixels[2, 3] = value
        (class_folders / "cat" / f"{name}.tif").write_bytes(encode(Image.fromarray(pixels), "TIFF"))
    bad = found(class_folders, value_range=(0, 5))
    assert bad["cat/nan.tif"] == ("not finite", "1 of 64 values are NaN or infinite")
    assert bad["cat/infinite.tif"][0] == "not finite"
    assert bad["cat/large.tif"] == ("out of range", "values from 1 to 7 where black is 0, white 5")
    assert len(bad) == 3


def test_float_images_with_a_range_are_scaled(tmp_path):
    pixels = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    form = ImageForm(8, 8, 1, value_range=(-1, 1))
    decoded = decode(encode(Image.fromarray(pixels), "TIFF"), None, form)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded[..., 0], (pixels + 1) / 2, atol=1e-7)
    np.save(tmp_path / "images.npy", pixels[None])
    np.save(tmp_path / "labels.npy", [0])
    source = open_source(str(tmp_path))
    (payload,) = source.read(source.samples())
    np.testing.assert_allclose(decode(payload, source.layout, form)[..., 0], (pixels + 1) / 2, atol=1e-7)
    with pytest.raises(BadImageError, match="unknown range"):
        decode(payload, source.layout, FORM)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_gray_is_not_clipped(kind):
    values = np.array([[0, 300], [40_000, 65_535]], np.uint16)
    raw = b"P5\n2 2\n65535\n" + values.astype(">u2").tobytes()
    payload = raw if kind == "PPM" else encode(Image.fromarray(values), kind)
    decoded = decode(payload, None, ImageForm(2, 2, 1))
    unit = decoded / np.float32(65_535) if decoded.dtype == np.uint16 else decoded
    np.testing.assert_allclose(unit[..., 0], values / 65_535, atol=1e-7)


def test_modes_are_converted_and_counted(tmp_path):
    write_images(tmp_path, count=1)
    picture = Image.new("RGB", (8, 8), (10, 200, 30))
    clear = Image.new("RGBA", (8, 8), (10, 200, 30, 0))
    for name, image, kind in (
        ("cmyk.jpg", picture.convert("CMYK"), "JPEG"),
        ("palette.png", picture.quantize(4), "PNG"),
        ("gray.png", picture.convert("L"), "PNG"),
        ("gray16.png", Image.fromarray(np.full((8, 8), 40_000, np.uint16)), "PNG"),
        ("clear.png", clear, "PNG"),
    ):
        (tmp_path / "cat" / name).write_bytes(encode(image, kind))
    report = check_source(str(tmp_path), Settings())
    assert report.looked.all.modes == {"RGB": 2, "CMYK": 1, "P": 1, "L": 1, "I;16": 1, "RGBA": 1}
    assert not report.looked.bad
    assert (decode(encode(clear), None, FORM) == 255).all()  # laid over white
    assert (decode(encode(picture.quantize(4)), None, FORM) == (10, 200, 30)).all()


def test_rotation_by_exif_is_applied():
    turned = Image.Exif()
    turned[0x0112] = 6
    picture = Image.fromarray(np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3))
    payload = encode(picture, "PNG", exif=turned)
    assert (decode(payload, None, FORM) == np.rot90(np.asarray(picture), -1)).all()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_without_permission_are_named(class_folders):
    (class_folders / "cat" / "000.png").chmod(0)
    assert found(class_folders) == {"cat/000.png": ("unreadable", "Permission denied")}


@pytest.mark.parametrize("metadata", [False, True])
def test_folders_without_permission_are_counted(class_folders, monkeypatch, metadata):
    """Root may read every folder, so the system's answer is that of another user."""
    if metadata:
        (class_folders / "metadata.csv").write_text("file_name,label\ncat/000.png,a\ncat/001.png,b\n")
    closed, scandir = str(class_folders / "closed"), os.scandir
    (class_folders / "closed").mkdir()

    def scanned(path):
        if str(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("storage.datasets.files.os.scandir", scanned)
    source = open_source(str(class_folders))
    source.samples()
    (finding,) = [each for each in source.findings.ignored if each.kind == "closed folders"]
    assert finding.text == "Skipped 1 folder whose content may not be read (such as closed)."


def test_dangling_links_are_named_and_circles_refused(class_folders):
    (class_folders / "cat" / "lost.png").symlink_to("nowhere")
    assert found(class_folders) == {"cat/lost.png": ("unreadable", "No such file or directory")}
    (class_folders / "cat" / "again").symlink_to(class_folders / "cat")
    refused(class_folders, "A link leads to .* a second time")


def test_a_tar_file_never_leaves_the_place_it_is_in(tmp_path, class_folders):
    payload = (class_folders / "cat" / "000.png").read_bytes()
    with tarfile.open(tmp_path / "odd.tar", "w") as tar:
        for name in ("../../cat/1.png", "/dog/2.png"):
            add(tar, name, payload)
        link = tarfile.TarInfo("dog/3.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    before = sorted(tmp_path.rglob("*"))
    source = open_source(str(tmp_path / "odd.tar"))
    payloads = list(source.read(source.samples()))
    assert source.classes == ("cat", "dog")
    assert payloads[:2] == [payload, payload]
    assert payloads[2].detail == "a link in a tar file, which is not followed"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.97])
def test_a_tar_file_that_is_cut_short_is_refused(tmp_path, kept):
    write_tar(tmp_path, make_images(8), shards=1)
    (shard, _) = sorted(tmp_path.glob("*.tar"), reverse=True)
    whole = shard.read_bytes()
    used = whole.rstrip(b"\0")
    for length in (int(len(used) * kept), int(len(used) * kept) // 512 * 512, -(-len(used) // 512) * 512):
        shard.write_bytes(whole[:length])
        refused(tmp_path, r"is cut short (after|in)")
    shard.write_bytes(b"\0\1" * 5000)
    refused(tmp_path, "is not a tar file, or damaged at byte 0")
    shard.write_bytes(whole)
    assert len(open_source(str(tmp_path)).samples()) == 30


def test_a_tar_file_that_changed_since_it_was_listed_gives_bad_images(tmp_path):
    write_tar(tmp_path, make_images(3), shards=1)
    source = open_source(str(tmp_path))
    samples = source.samples()
    for shard in tmp_path.glob("*.tar"):
        shard.write_bytes(shard.read_bytes()[:2000])
    payloads = list(source.read(samples))
    assert isinstance(payloads[-1], BadImageError)
    assert payloads[-1].reason == "truncated"


class Dangerous:
    """Makes a folder when it is unpickled."""

    def __init__(self, path=""):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickles_with_code_are_refused_by_name(tmp_path):
    write_cifar10_pickles(tmp_path, make_images(2))
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({b"data": Dangerous(tmp_path / "made"), b"labels": [1]}))
    refused(tmp_path, r"data_batch_1 is refused: it would call (posix|os)\.mkdir, and only plain data is read")
    path.write_bytes(pickle.dumps({b"data": np.array([Dangerous(tmp_path / "made")], object), b"labels": [1]}))
    refused(tmp_path, "is refused|cannot be read")
    path.write_bytes(b"cnumpy\nndarray\n(I1000000000000\ntR.")
    refused(tmp_path, "cannot be read")
    path.write_bytes(b"\x80\x02r\xff\xff\xff\x7f.")  # asks for two billion places to remember things in
    refused(tmp_path, "cannot be read")
    assert not (tmp_path / "made").exists()


def test_object_arrays_are_refused(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((3, 8, 8), np.uint8))
    np.save(tmp_path / "labels.npy", np.array([Dangerous(), 1, 2], object), allow_pickle=True)
    refused(tmp_path, "labels.npy holds Python objects, which could run code")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "3 images but 2 labels"),
        ([0.0, 1.5, 2.0], r"The label 1.5 of .*train/0000001 is not possible: labels are names or whole numbers"),
        (
            [0, 1, 5],
            "The label 5 of .*train/0000002 is not possible: it is not a number of one of the 2 classes ant, bee",
        ),
        ([0, -2, 1], "The label -2 of .*train/0000001 is not possible"),
        ([[0, 1], [1, 0], [0, 1]], r"have the shape \(3, 2\)"),
        ([1j, 2j, 0], "are of type complex128"),
        ([0.0, 1e300, 1.0], r"The label 1e\+300 of .*train/0000001 is not possible"),
        ([0.0, np.inf, 1.0], r"The label inf of .*train/0000001 is not possible"),
        ([b"a", b"\xff", b"c"], "are not UTF-8; save them again"),
    ],
)
def test_impossible_labels_are_refused(tmp_path, labels, message):
    np.save(tmp_path / "images.npy", np.zeros((3, 8, 8), np.uint8))
    np.save(tmp_path / "labels.npy", np.array(labels))
    if isinstance(labels[0], int):
        (tmp_path / "classes.txt").write_text("ant\nbee\n")
    refused(tmp_path, message)


def test_whole_numbers_stored_as_floats_are_labels(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((3, 8, 8), np.uint8))
    np.save(tmp_path / "labels.npy", np.array([3.0, 10.0, 3.0]))
    assert open_source(str(tmp_path)).classes == ("3", "10")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\n,cat\n", "Row 1 of .*list.csv has no path"),
        ("path,label\ncat/000.png,cat,7\n", "cannot be read: CSV parse error: Expected 2 columns, got 3"),
    ],
)
def test_bad_lists_are_refused(class_folders, text, message):
    (class_folders / "list.csv").write_text(text)
    refused(class_folders / "list.csv", message)


def test_lists_may_name_an_image_twice_or_none(class_folders):
    (class_folders / "list.csv").write_text("path,label\ncat/000.png,cat\ncat/000.png,dog\nnone.png,dog\n")
    report = check_source(str(class_folders / "list.csv"), Settings())
    assert report.keys.to_pylist() == ["cat/000.png", "cat/000.png#2", "none.png"]
    assert report.duplicates.groups == ((0, 1),)
    assert report.duplicates.conflicting == 1
    assert report.looked.bad == [("none.png", "unreadable", "No such file or directory")]


def test_damaged_parquet_is_refused_and_rows_without_image_are_quarantined(tmp_path):
    path = tmp_path / "train.parquet"
    payload = encode(NOISE)
    pq.write_table(pa.table({"image": [payload, None, payload], "label": [0, 1, 0]}), path)
    source = open_source(str(path))
    assert [type(payload) for payload in source.read(source.samples())] == [bytes, BadImageError, bytes]
    samples = source.samples().take([2, 0, 0, 1, 2])
    pq.write_table(pa.table({"image": [payload, None], "label": [0, 1]}), path)
    reasons = [bad if isinstance(bad, bytes) else bad.reason for bad in open_source(str(path)).read(samples)]
    assert reasons == ["unreadable", payload, payload, "empty", "unreadable"]
    path.write_bytes(path.read_bytes()[:-5])
    refused(path, "train.parquet is not a complete Parquet file")
    pq.write_table(pa.table({"image": [payload], "animal": [0], "age": [1]}), path)
    refused(path, r"No label column found in .*train.parquet: its columns beside the paths are animal, age")


def test_damaged_archives_and_headers_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 8, 8), np.uint8), labels=[0, 1])
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[:-30])
    refused(tmp_path / "a.npz", "is not an .npz archive")
    (tmp_path / "a.npz").write_bytes(content.replace(b"(2, 8, 8)", b"(9, 8, 8)"))
    refused(tmp_path / "a.npz", "announces|or damaged")
    header = b"\x93NUMPY\1\0" + struct.pack("<H", 118)
    described = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 8, 8), }"
    (tmp_path / "images.npy").write_bytes(header + described.ljust(117) + b"\n")
    np.save(tmp_path / "labels.npy", [0, 1])
    (tmp_path / "a.npz").unlink()
    refused(tmp_path, r"holds 1000000000000 images|announces 64000000000128; get it again")


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        small = io.BytesIO()
        np.save(small, np.zeros((2, 8, 8), np.uint8))
        archive.writestr("images.npy", small.getvalue() + bytes(2**26))
        np.save(small := io.BytesIO(), np.arange(2))
        archive.writestr("labels.npy", small.getvalue())
    refused(tmp_path / "a.npz", "has more bytes where its header announces 256")
    (tmp_path / "a.npz").unlink()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros((2, 8, 8))) + bytes(2**26)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(2)))
    refused(tmp_path, "has more bytes where its header announces 144")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_chunks_of_the_fill_value_are_read_and_counted(tmp_path, version):
    images = np.ones((8, 4, 4), np.uint8)
    images[2:4] = 7
    group = zarr.create_group(tmp_path, zarr_format=version)
    group.create_array("images", shape=(8, 4, 4), dtype="u1", chunks=(2, 4, 4), fill_value=7)[:] = images
    group.create_array("labels", data=np.arange(8))
    source = open_source(str(tmp_path))
    samples = source.samples()
    assert [payload[0] for payload in source.read(samples)] == [1, 1, 7, 7, 1, 1, 1, 1]
    (note,) = source.findings.notes
    assert (note.kind, note.count) == ("missing chunks", 1)
    assert note.text == f"Filled 1 chunk of {tmp_path}/images with the fill value 7: nothing was written there."


def test_missing_zarr_chunks_are_refused_if_nothing_says_what_they_hold(tmp_path):
    group = zarr.create_group(tmp_path, zarr_format=2)
    group.create_array("images", shape=(8, 4, 4), dtype="u1", chunks=(2, 4, 4), fill_value=7)
    group.create_array("labels", data=np.arange(8))
    refused(tmp_path, "has 0 of 4 chunks, and nothing says what the missing ones hold")
    group["images"][:6] = 1
    metadata = tmp_path / "images" / ".zarray"
    metadata.write_text(metadata.read_text().replace('"fill_value": 7', '"fill_value": null'))
    refused(tmp_path, "has 3 of 4 chunks, and nothing says what the missing ones hold")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_damaged_zarr_chunk_costs_its_images(tmp_path, version, compressed):
    group = zarr.create_group(tmp_path, zarr_format=version)
    images = np.random.default_rng(0).integers(1, 256, (12, 4, 4), np.uint8)
    blosc = BloscCodec() if version == 3 else numcodecs.Blosc()
    options = {"compressors": blosc if compressed else None}
    group.create_array("images", shape=images.shape, dtype="u1", chunks=(3, 4, 4), **options)[:] = images
    group.create_array("labels", data=np.arange(12) % 2)
    chunk = tmp_path / "images" / ("1.0.0" if version == 2 else "c/1/0/0")
    content = chunk.read_bytes()
    for damaged in (content[: len(content) // 2], content + b"more than a chunk", b""):
        chunk.write_bytes(damaged)
        source = open_source(str(tmp_path))
        read = list(source.read(source.samples()))
        bad = [row for row, payload in enumerate(read) if isinstance(payload, BadImageError)]
        assert all(read[row] == images[row].tobytes() for row in range(12) if row not in {3, 4, 5})
        assert bad == [3, 4, 5] or [read[row] for row in (3, 4, 5)] == [images[row].tobytes() for row in (3, 4, 5)]
        assert bad == [3, 4, 5] or damaged.startswith(content)


def test_zarr_codecs_that_may_run_code_are_refused(tmp_path):
    group = zarr.create_group(tmp_path, zarr_format=2)
    group.create_array("images", data=np.ones((8, 4, 4), np.uint8), chunks=(2, 4, 4))
    group.create_array("labels", data=np.arange(8))
    metadata = tmp_path / "images" / ".zarray"
    whole = metadata.read_text()
    metadata.write_text(whole.replace('"filters": null', '"filters": [{"id": "base64"}]'))
    refused(tmp_path, "images is encoded with base64, which may run code or is not known; write it again")
    metadata.write_text(whole.replace('"filters": null', '"filters": [{"id": "pickle", "protocol": 5}]'))
    refused(tmp_path, "pickle")


@pytest.mark.timeout(30)
def test_a_zarr_chunk_that_is_a_pipe_is_not_waited_for(tmp_path):
    group = zarr.create_group(tmp_path)
    group.create_array("images", data=np.ones((8, 4, 4), np.uint8), chunks=(2, 4, 4))
    group.create_array("labels", data=np.arange(8))
    chunk = tmp_path / "images" / "c" / "1" / "0" / "0"
    chunk.unlink()
    os.mkfifo(chunk)
    source = open_source(str(tmp_path))
    assert [isinstance(payload, BadImageError) for payload in source.read(source.samples())].count(True) >= 2


@pytest.mark.parametrize("chunks", [(2, 8, 8), None])
def test_hdf5_values_that_were_never_written_are_refused(tmp_path, chunks):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        images = file.create_dataset("images", (8, 8, 8), "u1", chunks=chunks)
        if chunks:
            images[:6] = 1
        file["labels"] = np.arange(8)
    refused(
        tmp_path / "a.h5",
        f"has {3 if chunks else 0} of {4 if chunks else 1} chunks; the missing ones were never written",
    )


def test_a_stored_member_of_an_archive_is_held_against_its_checksum(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.ones((8, 4, 4), np.uint8), labels=np.arange(8))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(bytes([1] * 64)) + 5] = 9
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz", "a.npz, images does not match its checksum; get it again")


def test_hdf5_that_reaches_for_other_files_is_refused(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = h5py.ExternalLink("/etc/passwd", "/images")
        file["labels"] = np.arange(2)
    refused(tmp_path / "a.h5", "has a link to another file, images")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", (2, 8, 8), "u1", external=[("/etc/passwd", 0, 128)])
        file["labels"] = np.arange(2)
    refused(tmp_path / "a.h5", "keeps the values of images in another file")
    (tmp_path / "a.h5").write_bytes(b"no")
    refused(tmp_path / "a.h5", "is not a complete HDF5 file")
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    refused(tmp_path / "a.h5", r"needs h5py, which is not installed: pip install eigenwave\[hdf5\]")


def test_cifar_files_of_another_length_are_refused(tmp_path):
    FORMATS["cifar10"](tmp_path, make_images(3))
    path = tmp_path / "test_batch.bin"
    path.write_bytes(path.read_bytes()[:-1])
    refused(tmp_path, "which is no multiple of the 3073 of an image")


@pytest.mark.parametrize(
    ("shape", "message"),
    [((4, 0), "its rows have no features"), ((4, 8, 8, 2), "has the shape"), ((4, 0, 8), "its images have no pixels")],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, shape, message):
    np.save(tmp_path / "images.npy", np.zeros(shape, np.uint8))
    np.save(tmp_path / "labels.npy", np.zeros(4, int))
    refused(tmp_path, message)


def test_many_classes_and_one_image_a_class_are_listed(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((21_000, 1, 1), np.uint8))
    np.save(tmp_path / "labels.npy", np.arange(21_000))
    source = open_source(str(tmp_path))
    assert len(source.classes) == len(source.samples()) == 21_000
    assert [intact(payload) for payload in source.read(source.samples().slice(20_998))] == [b"\0", b"\0"]
