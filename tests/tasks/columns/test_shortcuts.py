"""Shortcuts of whole runs: a site that was planted in their images."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.shortcuts import shortcut_of
from storage.arrays.zarr import open_array
from storage.errors import InputError
from tasks.columns import shortcuts as rooms
from tasks.columns.ask import asked_columns, associate_columns
from tasks.columns.images import RunImages
from tasks.columns.shortcuts import examine_column
from tasks.columns.values import Column, find_column
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse

N = 300


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shortcuts")
    return analyse(smooth_images(folder / "data", count=N // 3), folder / "workspace", **SMALL | {"rank": 6})


@pytest.fixture(scope="module")
def images(run):
    return RunImages.of(run)


def column(values, kind="categorical"):
    return Column("site", "table x", kind, pa.array(values))


def row(tables):
    return {name: value[0] for name, value in tables["column_shortcuts"].items()}


def scores_of(run):
    return np.asarray(open_array(run.paths.scores)[:], np.float64)


def test_a_column_that_the_patterns_show_is_read_and_its_patterns_are_named(run, images):
    scores = scores_of(run)
    values = np.where(scores[:, 2] > np.median(scores[:, 2]), "high", "low")
    found = row(examine_column(images, column(values)))
    assert found["patterns"][0] == 2
    assert found["readable"] > 0.8
    assert found["readable_shuffled"] < 0.65
    assert found["column_given_class"] > 10 * found["column_given_class_expected"]
    assert found["verdict"] != "clean"
    noise = np.random.default_rng(0).integers(0, 2, N).astype(str)
    assert row(examine_column(images, column(noise)))["verdict"] == "clean"


def test_the_numbers_are_those_of_the_images_themselves(run, images):
    scores, random = scores_of(run), np.random.default_rng(1)
    values = random.integers(0, 3, N)
    found = examine_column(images, column(values.astype(str)))
    fitted, classes = images.fitted, images.classes
    naive = shortcut_of(scores[fitted], classes[fitted], values[fitted])
    assert row(found)["cramers_v"] == pytest.approx(naive.told.cramers_v)
    assert row(found)["class_given_column"] == pytest.approx(naive.class_given_value.learnability)
    assert row(found)["column_given_class"] == pytest.approx(naive.value_given_class.learnability)
    assert row(found)["accuracy"] == pytest.approx(naive.lost.accuracy, abs=0.06)
    assert row(found)["images"] == fitted.sum()
    losses = found["column_losses"]
    assert losses["value"] == ["0", "1", "2"]
    np.testing.assert_array_equal(losses["images"], np.bincount(values[fitted]))
    np.testing.assert_array_equal(losses["judged"], losses["images"])
    assert row(found)["worst_value"] == str(np.argmax(losses["loss"]))


def test_numbers_have_the_area_under_their_curve(images):
    random = np.random.default_rng(2)
    numbers = random.standard_normal(N) + 2.0 * (images.classes == 1)
    found = row(examine_column(images, column(numbers, "number")))
    fitted = images.fitted
    expected = roc_auc_score(images.classes[fitted] == 1, numbers[fitted])
    assert found["auc_class"] == "b"
    assert found["auc"] == pytest.approx(expected, abs=0.005)
    assert 0.5 < found["auc_shuffled"] < 0.65
    assert found["values"] == 5
    assert "auc" not in row(examine_column(images, column(["x", "y"] * (N // 2))))


def test_blocks_of_shards_give_what_one_block_gives(run, images, monkeypatch):
    values = np.random.default_rng(3).integers(0, 2, N).astype(str)
    assert len(list(images.shards())) > 1
    found = row(examine_column(images, column(values)))
    whole = scores_of(run)

    def at_once(asked):
        yield slice(None), whole[asked.sides.sampled]

    monkeypatch.setattr(rooms.Asked, "blocks", at_once)
    same = row(examine_column(images, column(values)))
    for name, value in found.items():
        assert same[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-9)), name


def test_rows_without_a_value_do_not_count(images):
    values = np.random.default_rng(4).choice(["x", "y", None], N)
    found = row(examine_column(images, column(values)))
    assert found["images"] == sum(value is not None for value in values[images.fitted])


def test_of_a_run_by_groups_classes_are_shuffled_with_their_groups(tmp_path):
    data = smooth_images(tmp_path / "data", count=40)
    run = analyse(data, tmp_path / "workspace", **SMALL | {"rank": 4, "group": r"(\d)\d\.png"})
    images = RunImages.of(run)
    found = row(examine_column(images, column(np.random.default_rng(5).integers(0, 2, 120).astype(str))))
    assert 0 <= found["cramers_v_shuffled"] <= 1
    permutations = images.settings.association.permutations
    assert found["p_value"] >= 1 / (1 + permutations)


def test_nothing_is_asked_without_two_classes_or_of_other_kinds(images):
    assert examine_column(images, column([["x"]] * N, "labels")) == {}
    assert examine_column(images, column([None] * N)) == {}


def test_properties_are_asked_if_they_differ(tmp_path):
    for side, seed in ((16, 0), (24, 1)):
        smooth_images(tmp_path / f"data{side}", (side, side), count=30, seed=seed)
        for path in sorted((tmp_path / f"data{side}").rglob("*.png")):
            to = tmp_path / "data" / path.parent.name / f"{side}-{path.name}"
            to.parent.mkdir(parents=True, exist_ok=True)
            path.rename(to)
    run = analyse(tmp_path / "data", tmp_path / "workspace", **SMALL | {"rank": 4, "size": 16})
    images = RunImages.of(run)
    asked = [column.name for column in asked_columns(images, ["properties", "class_distance", "width"])]
    seen = ["brightness", "contrast", "sharpness"]
    assert asked == ["width", "height", "bytes", "bytes_per_pixel", *seen, "class_distance"]
    stored = {path.relative_to(tmp_path / "data").as_posix(): path for path in (tmp_path / "data").rglob("*.png")}
    per_pixel = find_column(run, "bytes per pixel").values.to_pylist()
    for key, value in zip(run.tables["samples"]["key"].to_pylist(), per_pixel, strict=True):
        assert value == stored[key].stat().st_size / int(stored[key].name[:2]) ** 2
    alike = dataclasses.replace(images, fitted=np.arange(len(images.fitted)) == 0)
    with pytest.raises(InputError, match="do not differ in any of width, height"):
        asked_columns(alike, ["properties"])
    found = {each.column: each.tables for each in associate_columns(run, ["properties"])}
    assert list(found) == asked[:-1]
    assert all(len(tables["column_shortcuts"]) == 1 for tables in found.values())
    assert found["width"]["column_losses"]["value"].to_pylist() == ["16", "24"]
    assert len(found["brightness"]["column_losses"]) == 5
