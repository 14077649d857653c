import json

import pytest

from storage.errors import InputError
from storage.formats.open import open_source
from tests.datasets import png

TRAIN = ["train/n01/images/a.png", "train/n02/images/b.png"]
FLAT = [f"val/images/val_{number}.png" for number in range(4)]
LABELS = ["n01", "n02", "n01", "n01"]


def write(folder, texts, images=(*TRAIN, *FLAT)):
    """A dataset whose split val is flat, beside text files."""
    for number, name in enumerate(images):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(number))
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return open_source(str(folder))


def flat_labels(source):
    """The class of each image of the split val, by its name."""
    samples = source.samples()
    columns = (samples[name].to_pylist() for name in ("key", "class_id", "split"))
    names = [*source.classes, None]
    return {
        key.rpartition("/")[2]: names[-1 if number is None else number]
        for key, number, split in zip(*columns, strict=True)
        if split == "val"
    }


def notes(source):
    return [(note.text, note.count) for note in source.findings.notes if note.kind == "label files"]


def lines(form):
    return "".join(form.format(f"val_{number}", label) + "\n" for number, label in enumerate(LABELS))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("val/val_annotations.txt", lines("{0}.png\t{1}\t0\t0\t62\t62")),
        ("val/annotations.csv", "file,class\n" + lines("{0}.png,{1}")),
        ("val/images/list.txt", lines("{0} {1}")),
        ("LOC_val_solution.csv", "ImageId,PredictionString\n" + lines("{0},{1} 85 1 499 272 {1} 1 2 3 4")),
        ("labels.tsv", lines("images/{0}.png\t{1}")),
        ("labels.txt", lines("C:\\data\\val\\images\\{0}.png\t{1}").replace("C:\\data\\", "")),
        ("val/labels.json", '{"val_0.png": "n01", "val_1.png": "n02", "val_2.png": "n01", "val_3.png": "n01"}'),
        ("val/l.json", json.dumps([{"class": name, "file": f"val_{row}.png"} for row, name in enumerate(LABELS)])),
        ("val_synset_labels.txt", "\n".join(LABELS)),
    ],
)  # fmt: skip
def test_a_file_labels_a_flat_split(tmp_path, name, text):
    source = write(tmp_path, {name: text, "wnids.txt": "n01\nn02\n", "words.txt": "n01\ttench\nn02\tgoldfish\n"})
    assert flat_labels(source) == {f"val_{number}.png": label for number, label in enumerate(LABELS)}
    assert notes(source) == [(f"Labels of 4 images of the split val come from {name}.", 4)]
    assert [(each.kind, each.count) for each in source.findings.ignored] == [("other files", 2)]


def test_numbers_need_a_file_that_says_which_class_each_is(tmp_path):
    truth = {
        "ILSVRC2012_validation_ground_truth.txt": "2\n1\n2\n2\n",
        "LOC_synset_mapping.txt": "n01 tench\nn02 goldfish\n",
    }
    source = write(tmp_path / "a", truth)
    assert source.samples()["class_id"].null_count == 4
    ((text, count),) = notes(source)
    assert (text.endswith("such as map_clsloc.txt."), count) == (True, 4)
    source = write(tmp_path / "b", truth | {"map_clsloc.txt": "n01 2 tench\nn02 1 goldfish\n"})
    assert [label for _, label in sorted(flat_labels(source).items())] == LABELS


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("val/boxes.txt", lines("{0}.png 3 4")),  # no column holds classes
        ("val/list.csv", lines("{0}.png,{1},n01")),  # two do
        ("val/part.csv", "val_0.png,n01\nval_1.png,n99\n"),
        ("sample_submission.csv", lines("{0},{1}")),
        ("train/list.csv", lines("{0},{1}")),  # of another split
        ("labels.csv", lines("train/{0}.png,{1}")),
        ("val/synsets.txt", "n01\nn02\n"),
        ("val/labels.txt", "n01\nn02\nn01\n"),
        ("val/other.bin", "\x00"),
    ],
)
def test_other_files_label_nothing(tmp_path, name, text):
    source = write(tmp_path, {name: text})
    assert source.samples()["class_id"].null_count == 4
    assert not source.findings.warnings


def test_a_name_that_two_splits_have_labels_no_image_unless_the_file_belongs_to_the_split(tmp_path):
    images = [*TRAIN, "val/1.png", "test/1.png"]
    source = write(tmp_path / "a", {"labels.csv": "1.png,n02\n"}, images)
    assert source.samples()["class_id"].null_count == 2
    source = write(tmp_path / "b", {"val/labels.csv": "1.png,n02\n"}, images)
    assert flat_labels(source) == {"1.png": "n02"}
    assert source.samples()["class_id"].null_count == 1


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            {"val/a.csv": "val_0.png,n01", "val/b.csv": "val_0.png,n02"},
            "val/a.csv and val/b.csv give different labels to",
        ),
        ({"val/a.csv": "val_0.png,n01\nval_0.png,n02\n"}, "val/a.csv gives different labels to"),
    ],
)
def test_labels_that_differ_are_refused(tmp_path, texts, message):
    with pytest.raises(InputError, match=f"{message} val/images/val_0.png"):
        write(tmp_path, texts)
