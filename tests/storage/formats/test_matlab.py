import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from storage.errors import InputError
from storage.formats.open import find_source, open_source
from storage.pixels.images import ImageForm
from storage.pixels.payloads import decode


def write(path, images, labels, *, compressed=True, **more):
    """As SVHN is stored: X (height, width, channels, n) and y (n, 1), in which 10 is the digit 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"X": np.moveaxis(images, 0, -1), "y": labels.reshape(-1, 1), **more}
    savemat(path, arrays, do_compression=compressed)
    return path


def digits(count, seed=0, shape=(6, 5, 3)):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, *shape), np.uint8), random.permutation(np.arange(count) % 10 + 1)


def read(source):
    samples = source.samples()
    names = [source.classes[number] for number in samples["class_id"].to_pylist()]
    form = ImageForm(source.layout.height, source.layout.width, source.layout.channels)
    images = [decode(payload, source.layout, form).copy() for payload in source.read(samples)]
    return np.stack(images), names, samples["split"].to_pylist()


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_images_and_labels_are_those_that_were_written(tmp_path, compressed, dtype):
    images, labels = digits(200)
    path = write(tmp_path / "train_32x32.mat", images, labels.astype(dtype), compressed=compressed, note="text")
    found, names, splits = read(open_source(str(path)))
    assert np.array_equal(found, images)
    assert [float(name) for name in names] == [label % 10 for label in labels]
    assert set(splits) == {"train"}


def test_files_are_splits_by_their_names(tmp_path):
    for number, name in enumerate(("train", "test", "extra")):
        write(tmp_path / f"{name}_32x32.mat", *digits(10 * (number + 1), number))
    found = find_source(str(tmp_path))
    assert found.format == "matlab"
    _, names, splits = read(found.source)
    assert {split: splits.count(split) for split in splits} == {"train": 10, "test": 20, "extra": 30}
    assert set(names) == {str(digit) for digit in range(10)}


def test_a_ten_is_a_ten_in_files_of_others(tmp_path):
    path = write(tmp_path / "mine.mat", *digits(20))
    assert open_source(str(path)).classes == tuple(str(number) for number in range(1, 11))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content[:-40], r"cut short|damaged|has \d+ bytes"),
        (lambda content: content[:300] + bytes(30) + content[330:], "damaged"),
        (lambda content: content[:126] + b"??" + content[128:], "no MATLAB file; get it again"),
        (lambda content: b"MATLAB 7.3" + content[10:], "save it with the option -v7"),
    ],
)
def test_damaged_files_are_refused(tmp_path, spoil, message):
    path = write(tmp_path / "train_32x32.mat", *digits(30))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        read(open_source(str(path)))


def test_a_file_of_another_kind_beside_is_counted_and_tens_are_noted(tmp_path):
    write(tmp_path / "train_32x32.mat", *digits(20))
    savemat(tmp_path / "boxes.mat", {"left": np.ones(3)})
    (tmp_path / "digitStruct.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(200))
    source = open_source(str(tmp_path))
    assert len(source.samples()) == 20
    (ignored,), (note,) = source.findings.ignored, source.findings.notes
    assert ignored.text.startswith("Skipped 2 files without images X and labels y (such as ")
    assert note.text == "Read the label 10 as the digit 0 in 1 file of SVHN (such as train_32x32.mat)."


def test_two_files_of_a_split_are_refused(tmp_path):
    for name in ("train_a.mat", "train_b.mat"):
        write(tmp_path / name, *digits(12))
    with pytest.raises(InputError, match=r"train_a.mat and train_b.mat are both the split train; give one of them"):
        open_source(str(tmp_path))


def test_other_shapes_are_refused(tmp_path):
    path = tmp_path / "train.mat"
    savemat(path, {"X": np.zeros((4, 4, 9), np.uint8), "y": np.ones((9, 1))})
    with pytest.raises(InputError, match=r"has the shape \(4, 4, 9\)"):
        open_source(str(path))


@given(st.binary(max_size=60), st.data(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_damage_gives_samples_or_a_sentence(tmp_path_factory, noise, data, compressed):
    path = write(tmp_path_factory.mktemp("mat") / "a.mat", *digits(12, shape=(3, 4, 1)), compressed=compressed)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content)))
    content[place : place + len(noise)] = noise
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        images, names, _ = read(open_source(str(path)))
        assert len(images) == len(names)
