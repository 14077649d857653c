"""A run whose dataset says more of its images than their labels."""

import json

import numpy as np
import pytest

from tests.datasets import smooth_images
from tests.runs import SMALL, analyse

PLANTED = {"rank": 6, "permutations": 5, "scales": False}


def listed(folder, **columns):
    """A list of the images in class folders, by split, with further columns, each a function of path and number."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    rows = [
        {"path": path, "label": path.split("/")[-2], "split": path.split("/")[0]}
        | {name: values(path, number) for name, values in columns.items()}
        for number, path in enumerate(paths)
    ]
    (folder / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "list.jsonl"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three classes in train/ and test/, with columns that repeat them, lack some, or have nothing to do with them."""
    folder = tmp_path_factory.mktemp("columns") / "data"
    smooth_images(folder / "train", count=60)
    smooth_images(folder / "test", count=40, seed=1)
    random = np.random.default_rng(1)
    coins = random.integers(0, 2, 300).tolist()
    return listed(
        folder,
        copy=lambda path, _: path.split("/")[1],
        gaps=lambda path, number: path.split("/")[1] if number % 3 else None,
        coin=lambda _, number: bool(coins[number]),
        number=lambda _, number: number / 7,
        name=lambda path, _: path,
        constant=lambda *_: "same",
        tested=lambda path, number: "ab"[number % 2] if path.startswith("test") else None,
    )


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return analyse(data, tmp_path_factory.mktemp("workspace"), **SMALL | PLANTED)
