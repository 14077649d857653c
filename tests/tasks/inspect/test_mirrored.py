"""Mirrored copies among the images of a run."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy.fft import idctn

from tests.runs import analyse

QUICK = {"scales": False, "permutations": 1, "rank": 12}
SPACES = {
    "by default": {},
    "none": {"judge_space": "none"},
    "modulus": {"transform": "modulus"},
    "scattering": {"transform": "scattering", "rank": 60},
}


def mirror_image(folder, source, target):
    """Write the mirror image of a file."""
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    ImageOps.mirror(Image.open(folder / source)).save(folder / target)


def waves(folder, count, seed):
    """Write images with the falling spectrum of photographs, whose left and right differ."""
    random, steps = np.random.default_rng(seed), np.arange(8)
    amplitudes = 60 / (1 + steps[:, None] + steps) ** 1.5
    for class_id, name in enumerate("abc"):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            spectrum = np.zeros((24, 24, 3))
            spectrum[:8, :8] = amplitudes[..., None] * random.standard_normal((8, 8, 3))
            spectrum[0, 1, class_id] += 40
            pixels = 128 + 12 * idctn(spectrum, axes=(0, 1), norm="ortho")
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{number:04d}.png")


def planted(folder):
    waves(folder / "train", 40, 0)
    waves(folder / "test", 12, 1)
    mirror_image(folder, "train/a/0004.png", "train/a/mirrored.png")
    mirror_image(folder, "train/b/0005.png", "test/b/mirrored.png")  # leaked
    mirror_image(folder, "train/c/0006.png", "train/b/other.png")  # with another label, so it may be right
    return folder


@pytest.mark.parametrize("space", SPACES)
def test_mirrored_copies_are_found_and_nothing_else(tmp_path, space):
    run = analyse(planted(tmp_path / "data"), tmp_path / "workspace", **QUICK | SPACES[space])
    pairs = run.tables["near_duplicates"].to_pylist()
    found = {tuple(sorted((pair["key"], pair["other_key"]))): pair for pair in pairs}
    assert set(found) == {
        ("train/a/0004.png", "train/a/mirrored.png"),
        ("test/b/mirrored.png", "train/b/0005.png"),
    }
    assert all(pair["mirrored"] and not pair["exact"] and pair["relative_distance"] < 0.5 for pair in pairs)
    row = run.tables["duplication"].to_pylist()[0]
    assert (row["near_pairs"], row["mirrored_pairs"], row["groups"], row["duplicates"]) == (0, 2, 2, 2)
    assert (row["leaked"], row["exactly_leaked"], row["conflicts"]) == (1, 0, 0)


def test_issues_say_that_an_image_is_mirrored(tmp_path):
    run = analyse(planted(tmp_path / "data"), tmp_path / "workspace", **QUICK)
    issues = {row["key"]: row for row in run.tables["issues"].to_pylist() if "mirror" in (row["evidence"] or "")}
    assert {key: row["kind"] for key, row in issues.items()} == {
        "test/b/mirrored.png": "near leak",
        "train/a/mirrored.png": "near-duplicate",
    }
    assert issues["train/a/mirrored.png"]["evidence"].startswith(
        "It shows the mirror image of train/a/0004.png in the split train, labelled a: they are 0."
    )
