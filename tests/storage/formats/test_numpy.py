import numpy as np
import pytest

from storage.errors import InputError
from storage.formats.open import open_source
from tests.datasets import rows_of


def pixels(count, *channels):
    return np.random.default_rng(count).integers(0, 256, (count, 28, 28, *channels), dtype=np.uint8)


def test_medmnist_is_read_with_its_three_splits(tmp_path):
    images = {split: pixels(count, 3) for split, count in (("train", 6), ("val", 2), ("test", 3))}
    labels = {split: np.arange(len(some), dtype=np.uint8)[:, None] % 2 for split, some in images.items()}
    arrays = {f"{split}_images": some for split, some in images.items()}
    np.savez_compressed(
        tmp_path / "pathmnist.npz", **arrays, **{f"{split}_labels": some for split, some in labels.items()}
    )
    source = open_source(str(tmp_path))
    assert [(label, split) for _, label, split in rows_of(source)] == [
        (str(int(label)), split) for split in ("train", "val", "test") for (label,) in labels[split]
    ]
    assert list(source.read(source.samples())) == [image.tobytes() for some in images.values() for image in some]


def test_kmnist_is_read_from_archives_of_one_array_each(tmp_path):
    for split, count in (("train", 4), ("test", 2)):
        np.savez_compressed(tmp_path / f"kmnist-{split}-imgs.npz", pixels(count))
        np.savez_compressed(tmp_path / f"kmnist-{split}-labels.npz", np.arange(count, dtype=np.uint8) % 2)
    source = open_source(str(tmp_path))
    assert [(label, split) for _, label, split in rows_of(source)] == [
        ("0", "train"), ("1", "train"), ("0", "train"), ("1", "train"), ("0", "test"), ("1", "test")
    ]  # fmt: skip
    assert list(source.read(source.samples()))[4:] == [image.tobytes() for image in pixels(2)]


def test_labels_of_other_width_in_another_split_are_the_same(tmp_path):
    labels = {"train_labels": np.array([0, 1], np.uint8), "test_labels": np.array([1.0, 0])}
    np.savez(tmp_path / "a.npz", train_images=pixels(2), test_images=pixels(2), **labels)
    assert [label for _, label, _ in rows_of(open_source(str(tmp_path)))] == ["0", "1", "1", "0"]


CHEST = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.float32])
def test_several_labels_an_image_are_a_column_of_lists(tmp_path, dtype):
    labels = {"train_labels": CHEST.astype(dtype), "test_labels": CHEST[:1].astype(dtype)}
    np.savez(tmp_path / "chest.npz", train_images=pixels(3), test_images=pixels(1), **labels)
    source = open_source(str(tmp_path / "chest.npz"))
    samples = source.samples()
    assert samples["class_id"].null_count == 4
    (kept,) = source.columns.pieces(samples.take([3, 0, 1, 2]))
    assert kept["labels"].to_pylist() == [[0, 2], [0, 2], [], [1]]
    assert [note.kind for note in source.findings.notes] == ["several labels"]
    (tmp_path / "classes.txt").write_text("edema\nmass\nhernia\n")
    (kept,) = open_source(str(tmp_path)).columns.pieces(samples)
    assert kept["labels"].to_pylist() == [["edema", "hernia"], [], ["mass"], ["edema", "hernia"]]


@pytest.mark.parametrize("labels", [np.eye(3)[[0, 2]], [[0, 1, 2], [0, 0, 0]], [["a", "b"], ["c", "d"]]])
def test_labels_that_are_not_several_of_yes_or_no_are_refused(tmp_path, labels):
    np.savez(tmp_path / "chest.npz", train_images=pixels(2), train_labels=labels)
    source = open_source(str(tmp_path / "chest.npz"))
    with pytest.raises(InputError, match=r"several for each image\. Give one number or name an image, or 0 or 1 for"):
        source.samples()
    assert source.columns is None


def test_several_labels_of_too_few_images_are_refused(tmp_path):
    np.savez(tmp_path / "chest.npz", train_images=pixels(2), train_labels=CHEST)
    with pytest.raises(InputError, match="There are 2 images but 3 labels in"):
        open_source(str(tmp_path / "chest.npz")).samples()


def test_several_labels_an_image_and_labels_of_two_kinds_are_refused(tmp_path):
    np.savez(tmp_path / "chest.npz", train_images=pixels(2), train_labels=np.full((2, 14), 2))
    with pytest.raises(InputError, match=r"the split train of .* have the shape \(2, 14\): several for each image"):
        open_source(str(tmp_path / "chest.npz")).samples()
    names = {"train_labels": np.array(["a", "b"]), "test_labels": np.array([0, 1])}
    np.savez(tmp_path / "two.npz", train_images=pixels(2), test_images=pixels(2), **names)
    with pytest.raises(InputError, match=r"The labels are of type string in the split train .* and int64 in"):
        open_source(str(tmp_path / "two.npz")).samples()
