"""Datasets laid out as people hold them: check counts what is right, and a run has the same images in its table."""

import io
import shutil
import tarfile
import zipfile
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from storage.settings import Settings
from tasks.planning.check import check_source
from tests.runs import analyse

NAMES = ("cat", "dog")
TRAIN = {"cat train": 6, "dog train": 6}
TEST, VAL = ({f"{name} {split}": 3 for name in NAMES} for split in ("test", "val"))
SMALL = {"rank": 2, "permutations": 1, "scales": False, "cluster": "inline"}


@dataclass
class Layout:
    """Images by path, the text files beside them, what packs them, and the images of each class and split."""

    images: list[str]
    expected: dict[str, int]
    texts: dict[str, str] = field(default_factory=dict)
    pack: object = None
    unread: int = 0


def tree(train, other=""):
    """Paths of 6 images of each class in a folder, and of 3 in another."""
    folders = [(train, 6), *([(other, 3)] if other else [])]
    return [f"{folder.format(name)}/{row}.png" for folder, count in folders for name in NAMES for row in range(count)]


def rows(form, count, first=0):
    """Lines in which a form is filled with numbers, and with the classes in turn."""
    return "".join(form.format(row, NAMES[row % 2]) + "\n" for row in range(first, first + count))


def noise(seed):
    """The bytes of a PNG file of noise."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 8), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def packed(folder, write):
    """Replace each folder in a folder by an archive; `write` gets the folder, and the paths of its files in it."""
    for inner in [path for path in folder.iterdir() if path.is_dir()]:
        files = [path.relative_to(inner) for path in sorted(inner.rglob("*")) if path.is_file()]
        write(inner, files)
        shutil.rmtree(inner)


def as_zip(folder, files):
    with zipfile.ZipFile(f"{folder}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(folder / path, path)


def as_tar(folder, files, mode="w", ending="tar"):
    with tarfile.open(f"{folder}.{ending}", mode) as archive:
        for path in files:
            archive.add(folder / path, path)


def as_tgz(folder, files):
    as_tar(folder, files, "w:gz", "tgz")


FLAT = [f"val/images/v{row}.png" for row in range(6)]
CUB = [f"{name}/{row}.png" for name in NAMES for row in range(9)]
KEYS = [f"set/{split}/22.{row:02d}" for split, count in (("train", 12), ("test", 6)) for row in range(count)]
IM = [f"im/{row}.png" for row in range(12)]
HUB = "snapshots/abc"
LAYOUTS = {
    "class folders": Layout(tree("{}"), TRAIN),
    "Kaggle's splits": Layout(tree("Training/{}", "Testing/{}"), TRAIN | TEST),
    "doubled folders": Layout(
        [*tree("seg_train/seg_train/{}", "seg_test/seg_test/{}"), "seg_pred/seg_pred/1.png"], TRAIN | TEST, unread=1
    ),
    "YOLO-cls": Layout(tree("set/train/{}", "set/val/{}"), TRAIN | VAL, {"set/data.yaml": "nc: 2"}, unread=1),
    "splits inside images": Layout(tree("images/train/{}", "images/val/{}"), TRAIN | VAL),
    "flat test": Layout([*tree("train/{}"), "test/1.png", "test/2.png"], TRAIN, unread=2),
    "loose images": Layout([*tree("{}"), "1.png"], TRAIN, unread=1),
    "Tiny ImageNet": Layout(
        tree("train/{}/images") + FLAT,
        TRAIN | VAL,
        {"val/val_annotations.txt": rows("v{0}.png\t{1}\t0\t0\t3\t3", 6), "wnids.txt": "cat\ndog\n"},
        unread=1,
    ),
    "ImageNet of Kaggle": Layout(
        tree("ILSVRC/Data/CLS-LOC/train/{}") + [f"ILSVRC/Data/CLS-LOC/{path}" for path in FLAT],
        TRAIN | VAL,
        {"LOC_val_solution.csv": "ImageId,PredictionString\n" + rows("v{0},{1} 1 2 3 4", 6)},
    ),
    "ImageNet with a list of synsets": Layout(
        tree("train/{}") + FLAT,
        TRAIN | VAL,
        {"ILSVRC2012_validation_ground_truth.txt": "2\n1\n2\n1\n1\n2\n", "map_clsloc.txt": "cat 2 x\ndog 1 y\n"},
        unread=1,
    ),
    "ImageNet without a list": Layout(tree("train/{}") + FLAT, TRAIN, unread=6),
    "CUB-200": Layout(
        [f"CUB/images/{path}" for path in CUB],
        TRAIN | TEST,
        {
            "CUB/images.txt": "".join(f"{row} {path}\n" for row, path in enumerate(CUB)),
            "CUB/image_class_labels.txt": "".join(f"{row} {1 + row // 9}\n" for row in range(18)),
            "CUB/classes.txt": "1 cat\n2 dog\n",
            "CUB/train_test_split.txt": "".join(f"{row} {int(row % 9 < 6)}\n" for row in range(18)),
        },
    ),
    "one zip": Layout(tree("x/set/train/{}", "x/set/test/{}"), TRAIN | TEST, {"x/readme.md": ""}, as_zip, unread=1),
    "a zip each split": Layout(tree("train/{}", "test/{}"), TRAIN | TEST, {"readme.md": ""}, as_zip, unread=1),
    "a tar each class": Layout([*tree("{}"), "1.png"], TRAIN, {"readme.md": ""}, as_tar, unread=2),
    "tgz with labels": Layout(
        [f"x/{path}" for path in tree("train/{}") + FLAT],
        TRAIN | VAL,
        {"x/val/labels.csv": rows("v{0}.png,{1}", 6)},
        as_tgz,
    ),
    "WebDataset, dots in keys": Layout(
        [f"{key}.png" for key in KEYS],
        TRAIN | TEST,
        {f"{key}.cls": NAMES[row % 2] for row, key in enumerate(KEYS)},
        as_tar,
    ),
    "the Hub's cache": Layout(tree(HUB + "/train/{}", HUB + "/test/{}"), TRAIN | TEST, {"refs/main": "abc"}),
    "imagefolder": Layout(IM, TRAIN, {"im/metadata.csv": "file_name,label\n" + rows("{0}.png,{1}", 12)}),
    "imagefolder, nested splits": Layout(
        [f"{split}/{row}.png" for split, count in (("train", 12), ("validation", 6)) for row in range(count)],
        TRAIN | VAL,
        {
            "train/metadata.csv": "file_name,label\n" + rows("{0}.png,{1}", 12),
            "validation/metadata.csv": "file_name,label\n" + rows("{0}.png,{1}", 6),
        },
    ),
    "imagefolder, one file for all splits": Layout(
        [f"{split}/{row}.png" for split, count in (("train", 12), ("test", 6)) for row in range(count)],
        TRAIN | TEST,
        {"metadata.csv": "file_name,label\n" + rows("train/{0}.png,{1}", 12) + rows("test/{0}.png,{1}", 6)},
    ),
}
QUICK = {"Tiny ImageNet", "CUB-200", "one zip"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in LAYOUTS]
)
def test_a_run_has_the_images_that_check_counts(name, tmp_path, monkeypatch):
    monkeypatch.setenv("EIGENWAVE_CACHE", str(tmp_path / "cache"))
    layout, folder = LAYOUTS[name], tmp_path / "data"
    contents = {path: noise(row) for row, path in enumerate(layout.images)}
    for path, content in {**contents, **{path: text.encode() for path, text in layout.texts.items()}}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    if layout.pack:
        packed(folder, layout.pack)

    found = check_source(str(folder), Settings(**SMALL))
    images = {f"{label} {split}": count for label, splits in found.classes.items() for split, count in splits.items()}
    assert images == layout.expected
    assert found.findings.skipped == layout.unread

    samples = analyse(folder, tmp_path / "workspace", **SMALL).tables["samples"]
    columns = (samples[column].to_pylist() for column in ("class_name", "split"))
    assert Counter(map(" ".join, zip(*columns, strict=True))) == layout.expected
