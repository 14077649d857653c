"""Images that are not independent, through whole runs: repeated bytes, leaks and groups."""

import csv

import numpy as np
import pytest

from storage.errors import InputError
from storage.settings import Settings
from tasks.planning.check import check_source
from tests.datasets import smooth_images
from tests.runs import analyse
from tests.simulator import scenes

SETTINGS = {"rank": 8, "permutations": 5, "scales": True}


def row_of(run):
    (row,) = run.tables["learnability"].to_pylist()
    return row


@pytest.fixture(scope="module")
def noise():
    """Random images with random labels."""
    random = np.random.default_rng(0)
    return random.integers(0, 255, (90, 8, 8), np.uint8), random.integers(0, 3, 90)


def saved(path, images, labels):
    np.savez(path, images=images, labels=labels)
    return path


def test_repeats_count_once(tmp_path, noise):
    images, labels = noise
    once = analyse(saved(tmp_path / "once.npz", images, labels), tmp_path / "one", **SETTINGS)
    often = analyse(saved(tmp_path / "often.npz", images.repeat(7, 0), labels.repeat(7)), tmp_path / "two", **SETTINGS)
    one, other = row_of(once), row_of(often)
    assert (one["n"], one["repeats"], one["units"]) == (90, 0, 90)
    assert (other["n"], other["repeats"], other["units"]) == (90, 540, 90)
    for name in ("learnability", "ci_low", "ci_high", "shuffled_max", "significant_patterns", "colour_learnability"):
        assert other[name] == pytest.approx(one[name], rel=1e-4, abs=1e-6)
    for name in ("eta_squared", "p_value", "kruskal_wallis"):
        columns = [run.tables["patterns"][name].to_numpy() for run in (once, often)]
        np.testing.assert_allclose(*columns, rtol=0.02)
    for name in ("accuracy", "judged", "learned"):
        assert once.tables["held_out"][name].to_pylist() == pytest.approx(often.tables["held_out"][name].to_pylist())
    scales = [run.tables["scales"].to_pandas() for run in (once, often)]
    np.testing.assert_allclose(*(table.captured for table in scales), rtol=1e-4)
    np.testing.assert_allclose(*(table.learnability for table in scales), rtol=1e-2)


def test_copies_of_fitted_images_are_not_held_out(tmp_path):
    smooth_images(tmp_path / "data" / "train", count=40)
    smooth_images(tmp_path / "data" / "test", count=20, seed=1)
    for number in range(5):
        (tmp_path / f"data/test/b/{number:04d}.png").write_bytes(
            (tmp_path / f"data/train/a/{number:04d}.png").read_bytes()
        )
    run = analyse(tmp_path / "data", tmp_path / "workspace", **SETTINGS)
    assert row_of(run)["leaked"] == 5
    assert run.tables["held_out"]["judged"].to_pylist() == [55, 55]
    assert run.tables["held_out"]["judged_units"].to_pylist() == [55, 55]


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Scenes as class folders, and a list of the same images with the scene of each in a column."""
    folder = tmp_path_factory.mktemp("scenes")
    made = scenes(3, frames=6, count=40)
    made.write(folder / "data")
    with (folder / "list.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "scene", "exposure"])
        for path in sorted((folder / "data").rglob("*.png")):
            key = path.relative_to(folder).as_posix()
            writer.writerow([key, path.parent.name, path.name[5:8], 0.5])
    return folder


def test_a_column_and_a_pattern_name_the_same_groups(tmp_path, frames):
    by_column = analyse(frames / "list.csv", tmp_path / "one", **SETTINGS, group="scene")
    by_name = analyse(frames / "data", tmp_path / "two", **SETTINGS, group=r"scene(\d+)")
    alone = analyse(frames / "data", tmp_path / "three", **SETTINGS)
    first, second, without = (row_of(run) for run in (by_column, by_name, alone))
    assert (first["units"], second["units"], without["units"]) == (40, 40, 240)
    assert first["effective_images"] == pytest.approx(second["effective_images"], rel=1e-6)
    assert 20 < second["effective_images"] < 80
    # Groups that exchange labels explain as much as the true labels; single images do not.
    assert second["shuffled_max"] > second["learnability"] > without["shuffled_max"]
    assert second["significant_patterns"] == 0
    assert without["significant_patterns"] > 0
    held_out = by_name.tables["held_out"].to_pylist()[0]
    assert held_out["judged"] == 6 * held_out["judged_units"]


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("exposure", "--group exposure puts all images of .* into one group"),
        ("label(", r"has no column 'label\(' to group images by, .* It has the columns scene, exposure"),
        ("patient", "no name of an image, such as .*png, contains that"),
        ("png", "--group png puts all images of .* into one group"),
    ],
)
def test_what_names_no_groups_is_refused(frames, group, message):
    found = check_source(str(frames / "list.csv"), Settings(group=group))
    with pytest.raises(InputError, match=message):
        raise InputError(found.problems[0].text)


def test_groups_on_both_sides_of_a_split_are_named_and_left_out(tmp_path):
    smooth_images(tmp_path / "data" / "train", count=30)
    smooth_images(tmp_path / "data" / "test", count=40, seed=1)
    settings = SETTINGS | {"group": r"\d{3}(?=\d\.png)"}  # images 0000 to 0009 of every class
    found = check_source(str(tmp_path / "data"), Settings(**settings))
    texts = [finding.text for finding in found.findings.notes]
    assert texts[0].startswith("The split train has 3 groups of images. These are few:")
    assert "90 images of other splits belong to groups that the split train has too (000, 001, 002)." in texts[1]
    run = analyse(tmp_path / "data", tmp_path / "workspace", **settings)
    assert row_of(run)["leaked"] == 90
    assert run.tables["held_out"]["judged"].to_pylist() == [30, 30]
