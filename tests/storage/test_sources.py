import gzip
import os
import struct

import numpy as np
import pytest
from sklearn.datasets import load_digits

from storage.errors import BadImageError, InputError
from storage.open_source import open_source
from storage.source import probe
from tests.conftest import write_images


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
    assert [(sample.key, sample.class_id, sample.split) for sample in source.samples()] == [
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
    assert {sample.split for sample in source.samples()} == {"train"}
    assert len(source.samples()) == 24
    assert "cat/more/first.PNG" in {sample.key for sample in source.samples()}
    assert source.ignored == 1


def test_folder_keeps_empty_classes_and_names_dangling_links(class_folders):
    (class_folders / "bird").mkdir()
    (class_folders / "cat" / "lost.png").symlink_to("nowhere.png")
    source = open_source(str(class_folders))
    assert source.classes == ("bird", "cat", "dog")
    with pytest.raises(BadImageError, match="No such file"):
        source.read("cat/lost.png")


def test_names_that_are_not_utf8_are_refused_by_name(class_folders):
    (class_folders / "cat" / "000.png").rename(class_folders / "cat" / os.fsdecode(b"\xff.png"))
    with pytest.raises(InputError, match=r"'cat/\\udcff.png' is not UTF-8"):
        open_source(str(class_folders)).samples()


def test_folder_that_mixes_splits_and_classes_is_refused(class_folders):
    (class_folders / "train").mkdir()
    with pytest.raises(InputError, match="split folders train and beside them cat, dog"):
        open_source(str(class_folders))


def test_folder_without_class_folders_is_refused(tmp_path):
    with pytest.raises(InputError, match="no class folders"):
        open_source(str(tmp_path))


def test_idx_reads_all_splits_packed_or_not(mnist):
    folder, images, labels = mnist
    source = open_source(str(folder))
    samples = source.samples()
    assert source.classes == ("0", "1", "2")
    assert [sample.split for sample in samples] == ["train"] * 5 + ["test"] * 2
    assert [sample.class_id for sample in samples] == labels.tolist()
    for sample, image in zip(samples, images, strict=True):
        assert np.array_equal(np.asarray(source.image(source.read(sample.key))), image)


def test_idx_by_one_file(mnist):
    folder, _, _ = mnist
    assert len(open_source(str(folder / "t10k-images.idx3-ubyte")).samples()) == 2


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("t10k-images.idx3-ubyte", lambda content: content[:-1], "header announces 40"),
        ("t10k-images.idx3-ubyte", lambda content: b"\1" + content[1:], "not an IDX file"),
        ("t10k-images.idx3-ubyte", lambda content: content[:6], "not an IDX file"),
        ("t10k-labels.idx1-ubyte", lambda _: idx(np.zeros(3)), "2 images but .* 3 labels"),
        ("train-labels-idx1-ubyte.gz", lambda content: content[:-9], "cannot be read"),
        ("train-labels-idx1-ubyte.gz", lambda content: content[:20] + b"\0\0\0" + content[23:], "cannot be read"),
        ("train-images-idx3-ubyte.gz", lambda _: idx(np.zeros((5, 2, 2))), "different sizes"),
    ],
)
def test_damaged_idx_files_are_refused(mnist, name, spoil, message):
    path = mnist[0] / name
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        open_source(str(mnist[0]))


def test_idx_without_labels_or_images_is_refused(mnist):
    folder = mnist[0]
    (folder / "t10k-labels.idx1-ubyte").unlink()
    with pytest.raises(InputError, match=r"t10k-labels.idx1-ubyte or .*gz must lie beside it"):
        open_source(str(folder))
    (folder / "t10k-labels.idx1-ubyte").write_bytes(idx(np.zeros(0)))
    (folder / "t10k-images.idx3-ubyte").write_bytes(idx(np.zeros((0, 3, 4))))
    with pytest.raises(InputError, match="holds no images"):
        open_source(str(folder))


def test_digits_are_scikit_learns():
    source = open_source("digits")
    digits = load_digits()
    samples = source.samples()
    assert len(samples) == len(digits.target) == 1797
    for sample in samples[::50]:
        row = int(sample.key)
        pixels = np.asarray(source.image(source.read(sample.key)))
        assert np.array_equal(pixels, digits.images[row] * 4095)
        assert sample.class_id == digits.target[row]
    held_out = [sample.split for sample in samples].count("test")
    assert 0.15 < held_out / len(samples) < 0.25


def test_nothing_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="There is no dataset"):
        open_source(str(tmp_path / "nowhere"))
    (tmp_path / "file.csv").write_text("a,b")
    with pytest.raises(InputError, match="neither a folder nor an IDX file"):
        open_source(str(tmp_path / "file.csv"))


def test_probe_finds_colour_and_sizes_and_passes_over_bad_images(tmp_path):
    write_images(tmp_path / "data", shape=(8, 6), count=3)
    source = open_source(str(tmp_path / "data"))
    assert probe(source, source.samples()).channels == 1
    write_images(tmp_path / "data" / "more", shape=(5, 5, 3), count=1)
    (tmp_path / "data" / "cat" / "bad.png").write_bytes(b"no")
    source = open_source(str(tmp_path / "data"))
    looked = probe(source, source.samples())
    assert looked.channels == 3
    assert looked.sizes == {(6, 8): 6, (5, 5): 2}
