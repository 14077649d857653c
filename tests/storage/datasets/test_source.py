import gzip
import os
import struct

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from storage.datasets import source as module
from storage.datasets.source import probe
from storage.errors import BadImageError, InputError
from storage.formats import arrays as source_arrays
from storage.formats.open import open_source
from storage.formats.rows import SlicedRows
from storage.pixels.images import ImageForm
from storage.pixels.payloads import decode
from tests.datasets import write_images


def rows_of(source):
    """Key, class id and split of every sample."""
    samples = source.samples()
    return list(zip(*(samples[name].to_pylist() for name in ("key", "class_id", "split")), strict=True))


def payloads_of(source):
    """Stored bytes of every sample."""
    return list(source.read(source.samples()))


def idx(array):
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path):
    """Five training images packed, two test images not."""
    images = np.random.default_rng(0).integers(0, 256, (7, 3, 4), dtype=np.uint8)
    labels = np.array([0, 2, 1, 2, 0, 1, 0])
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images[:5])))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels[:5])))
    (tmp_path / "t10k-images.idx3-ubyte").write_bytes(idx(images[5:]))
    (tmp_path / "t10k-labels.idx1-ubyte").write_bytes(idx(labels[5:]))
    return tmp_path, images, labels


def test_folder_lists_train_first_by_class_and_name(tmp_path):
    write_images(tmp_path / "test", count=2)
    write_images(tmp_path / "train", classes=("ant", "cat"), count=2)
    source = open_source(str(tmp_path))
    assert source.classes == ("ant", "cat", "dog")
    assert rows_of(source) == [
        ("train/ant/000.png", 0, "train"),
        ("train/ant/001.png", 0, "train"),
        ("train/cat/000.png", 1, "train"),
        ("train/cat/001.png", 1, "train"),
        ("test/cat/000.png", 1, "test"),
        ("test/cat/001.png", 1, "test"),
        ("test/dog/000.png", 2, "test"),
        ("test/dog/001.png", 2, "test"),
    ]


def test_folder_without_splits_is_for_training_and_counts_other_files(class_folders):
    (class_folders / "cat" / "notes.txt").write_text("meow")
    (class_folders / "cat" / ".DS_Store").write_bytes(b"")
    (class_folders / "cat" / "more").mkdir()
    (class_folders / "cat" / "000.png").rename(class_folders / "cat" / "more" / "first.PNG")
    source = open_source(str(class_folders))
    assert {split for _, _, split in rows_of(source)} == {"train"}
    assert len(source.samples()) == 24
    assert ("cat/more/first.PNG", 0, "train") in rows_of(source)
    assert [(found.kind, found.count) for found in source.findings.ignored] == [("other files", 1), ("hidden files", 1)]
    (note,) = source.findings.notes
    assert note.text.startswith("1 image in folders inside a class folder belong to that class (such as cat/more). ")


def test_folder_keeps_empty_classes_and_names_dangling_links(class_folders):
    (class_folders / "bird").mkdir()
    (class_folders / "cat" / "lost.png").symlink_to("nowhere.png")
    source = open_source(str(class_folders))
    assert source.classes == ("bird", "cat", "dog")
    bad = {key: payload for (key, *_), payload in zip(rows_of(source), payloads_of(source), strict=True)}[
        "cat/lost.png"
    ]
    assert isinstance(bad, BadImageError)
    assert bad.detail == "No such file or directory"


@pytest.mark.parametrize(
    ("name", "key"),
    [(b"\xff.png", r"\xff.png"), (b"a\\xff.png", r"a\\xff.png"), ("ä\n.png".encode(), "ä\n.png")],
)
def test_odd_names_of_files_and_classes_round_trip(class_folders, name, key):
    first = (class_folders / "cat" / "000.png").rename(class_folders / "cat" / os.fsdecode(name))
    content = first.read_bytes()
    (class_folders / "cat").rename(class_folders / os.fsdecode(name))
    source = open_source(str(class_folders))
    found = dict(zip(source.samples()["key"].to_pylist(), payloads_of(source), strict=True))
    assert found[f"{key}/{key}"] == content
    assert key in source.classes


def test_folder_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no images, and no files that hold images"):
        open_source(str(tmp_path))


def test_idx_reads_all_splits_packed_or_not(mnist):
    folder, images, labels = mnist
    source = open_source(str(folder))
    samples = source.samples()
    assert source.classes == ("0", "1", "2")
    assert samples["split"].to_pylist() == ["train"] * 5 + ["test"] * 2
    assert samples["class_id"].to_pylist() == labels.tolist()
    for payload, image in zip(payloads_of(source), images, strict=True):
        assert np.array_equal(source.layout.unpack(payload)[..., 0], image)


def test_idx_by_one_file(mnist):
    folder, _, _ = mnist
    assert len(open_source(str(folder / "t10k-images.idx3-ubyte")).samples()) == 2


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("t10k-images.idx3-ubyte", lambda content: content[:-1], "header announces 40"),
        ("t10k-images.idx3-ubyte", lambda content: b"\1" + content[1:], "not an IDX file"),
        ("t10k-images.idx3-ubyte", lambda content: content[:6], "header is cut short"),
        ("t10k-images.idx3-ubyte", lambda content: content + b"1", "more bytes where its header announces 40"),
        ("t10k-labels.idx1-ubyte", lambda _: idx(np.zeros(3)), "2 images but 3 labels in the split test"),
        ("train-labels-idx1-ubyte.gz", lambda content: content[:-9], "cannot be read"),
        ("train-labels-idx1-ubyte.gz", lambda content: content[:20] + b"\0\0\0" + content[23:], "cannot be read"),
        ("train-images-idx3-ubyte.gz", lambda _: idx(np.zeros((5, 2, 2))), "different sizes"),
    ],
)
def test_damaged_idx_files_are_refused(mnist, name, spoil, message):
    path = mnist[0] / name
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        open_source(str(mnist[0])).samples()


def test_idx_without_labels_or_images_is_refused(mnist):
    folder = mnist[0]
    (folder / "t10k-labels.idx1-ubyte").unlink()
    with pytest.raises(InputError, match=r"t10k-labels.idx1-ubyte or .*gz must lie beside it"):
        open_source(str(folder))
    (folder / "t10k-labels.idx1-ubyte").write_bytes(idx(np.zeros(0)))
    (folder / "t10k-images.idx3-ubyte").write_bytes(idx(np.zeros((0, 3, 4))))
    with pytest.raises(InputError, match="no images in the split test"):
        open_source(str(folder)).samples()


def test_digits_are_scikit_learns():
    source = open_source("digits")
    digits = load_digits()
    samples = source.samples()
    assert len(samples) == len(digits.target) == 1797
    form = ImageForm(8, 8, 1)
    for (key, class_id, _), payload in zip(rows_of(source), payloads_of(source), strict=True):
        assert np.array_equal(decode(payload, source.layout, form)[..., 0], digits.images[int(key)] / 16)
        assert class_id == digits.target[int(key)]
    held_out = samples["split"].to_pylist().count("test")
    assert 0.15 < held_out / len(samples) < 0.25


def test_nothing_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="There is no dataset"):
        open_source(str(tmp_path / "nowhere"))
    (tmp_path / "file.csv").write_text("a,b\n1,2")
    with pytest.raises(InputError, match=r"No column of image paths found in .*file.csv"):
        open_source(str(tmp_path / "file.csv")).samples()


def test_probe_finds_colour_and_sizes_and_passes_over_bad_images(tmp_path):
    write_images(tmp_path / "data", shape=(8, 6), count=3)
    source = open_source(str(tmp_path / "data"))
    assert probe(source, source.samples()).channels == 1
    for name in ("cat", "dog"):
        write_images(tmp_path / "data" / name, classes=(f"more-{name}",), shape=(5, 5, 3), count=1)
    (tmp_path / "data" / "cat" / "bad.png").write_bytes(b"no")
    source = open_source(str(tmp_path / "data"))
    looked = probe(source, source.samples())
    assert looked.channels == 3
    assert looked.sizes == {(6, 8): 6, (5, 5): 2}


def test_what_is_rare_or_repeats_at_a_step_decides_all_the_same(tmp_path):
    """Every third image of the second class has colour, where an even step would take the others."""
    gray, colour = (np.zeros(shape, np.uint8) for shape in ((8, 8), (8, 8, 3)))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for row in range(600):
            pixels = colour if name == "b" and row % 3 == 1 else gray
            Image.fromarray(pixels).save(tmp_path / name / f"{row:03d}.png")
    source = open_source(str(tmp_path))
    assert probe(source, source.samples()).channels == 3


@pytest.mark.parametrize(("kind", "orientation", "size"), [
    ("JPEG", 6, (6, 8)), ("JPEG", 3, (8, 6)), ("PNG", 8, (6, 8)), ("PNG", 1, (8, 6)), ("WEBP", 5, (6, 8)),
    ("AVIF", 6, (6, 8)),
])  # fmt: skip
def test_sizes_are_those_after_the_rotation_that_decoding_applies(tmp_path, kind, orientation, size):
    for name in ("cat", "dog"):
        exif = Image.Exif()
        exif[0x0112] = orientation
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 6)).save(tmp_path / name / f"0.{kind.lower()}", kind, exif=exif)
    source = open_source(str(tmp_path))
    assert probe(source, source.samples()).sizes == {size: 2}
    (payload, _) = source.read(source.samples())
    assert decode(payload, None, ImageForm(size[1], size[0], 3)).shape == (size[1], size[0], 3)


class Chunked:
    """An array in chunks of four images, whose reads are kept."""

    chunks, shape, dtype = (4, 2, 2), (11, 2, 2), np.dtype(np.uint8)

    def __init__(self):
        self.asked, self.values = [], np.arange(44, dtype=np.uint8).reshape(self.shape)

    def __getitem__(self, rows):
        self.asked.append((rows.start, rows.stop))
        return self.values[rows]


@pytest.mark.parametrize(
    ("together", "asked"),
    [(4, [(0, 4), (4, 8), (8, 11)]), (40, [(0, 8), (8, 11)]), (2**20, [(0, 11)])],
)
def test_chunks_are_read_whole_and_once(monkeypatch, together, asked):
    monkeypatch.setattr(source_arrays, "READ_BYTES", together)
    images = Chunked()
    layout = source_arrays.layout_of(images.shape, images.dtype, "images")
    split = source_arrays.Split(SlicedRows(images), lambda: np.arange(11) % 2)
    source = source_arrays.ArraySource("here", {"train": split}, layout)
    assert list(source.read(source.samples())) == [image.tobytes() for image in images.values]
    assert images.asked == asked


def test_gray_images_are_probed_further_than_others_and_late_colour_is_found(tmp_path, monkeypatch):
    folder = write_images(tmp_path / "data", shape=(4, 4), count=20)
    Image.new("RGB", (4, 4), "red").save(folder / "dog/red.png")
    source = open_source(str(folder))
    order = np.random.default_rng(41).permutation(41)
    place = order.tolist().index(source.samples()["key"].to_pylist().index("dog/red.png"))
    monkeypatch.setattr(module, "PROBED", place)
    monkeypatch.setattr(module, "PROBED_GRAY", place)
    missed = probe(source, source.samples())
    assert (missed.channels, missed.sizes.total()) == (1, place)
    monkeypatch.setattr(module, "PROBED_GRAY", place + 1)
    found = probe(source, source.samples())
    assert (found.channels, found.sizes.total()) == (3, place + 1)
