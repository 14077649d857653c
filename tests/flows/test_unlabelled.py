"""Images without a label that are kept get scores and nothing else: every number of association is as without them.

A dataset without any label has patterns, copies and quality, and can be asked about columns.
"""

import csv
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from flows.cli.check_summary import check_json, write_check_csv
from flows.cli.summary import run_summary
from storage.errors import InputError
from storage.formats.keyed_table import KeyedTable
from storage.settings import Settings
from tasks.columns.ask import associate_columns
from tasks.planning.check import check_source
from tests import naive
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse

ASSOCIATION = ("patterns", "pattern_class", "generalized_patterns", "class_patterns", "scales", "learnability")
OTHERS = ("label_noise", "held_out", "suspects", "exemplars", "pattern_bands", "rejects")
JUDGED = {"label_suspicion", "suggested_probability"}  # by patterns from coefficients of half precision


@pytest.fixture(params=[False, True])
def listed(request, tmp_path):
    """A list of 120 images, a sixth of the fitted split and, if there is one, of the other split without a label."""
    folder = smooth_images(tmp_path / "data", count=40)
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    (folder / paths[6]).write_bytes((folder / paths[1]).read_bytes())  # one without a label repeats one with
    rows = [
        {
            "path": path,
            "label": path.split("/")[0] if number % 6 else None,
            "split": "test" if request.param and number % 4 == 0 else "train",
        }
        for number, path in enumerate(paths)
    ]
    (folder / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "list.jsonl"


def content(run, name):
    """Rows without what depends on how many images come before; similar images are compared by their keys."""
    table = run.tables[name].drop_columns(["run_id"])
    places = [each for each in ("row", "shard", "similar_row") if each in table.column_names]
    return table.drop_columns(places).to_pylist()


def same(one, other, errors=()):
    assert len(one) == len(other)
    for mine, its in zip(one, other, strict=True):
        for name, value in mine.items():
            if name in errors and value is not None:  # of rounding, which depends on where shards end
                assert max(value, its[name]) < 1e-3
                continue
            close = 1e-3 if name in JUDGED else 1e-4
            assert its[name] == (pytest.approx(value, rel=close, abs=1e-6) if isinstance(value, float) else value), name


def test_kept_images_have_scores_and_change_no_number(listed, tmp_path):
    kept, skipped = (analyse(listed, tmp_path / way, **SMALL, unlabelled=way) for way in ("keep", "skip"))
    for name in (*ASSOCIATION, *OTHERS):
        same(content(skipped, name), content(kept, name), ["residual"] if name == "scales" else [])
    by_key = {row["key"]: row for row in content(kept, "samples")}
    labelled = {row["key"]: row for row in content(skipped, "samples")}
    without = by_key.keys() - labelled.keys()
    assert len(without) == 20
    same([labelled[key] for key in sorted(labelled)], [by_key[key] for key in sorted(labelled)])
    for key in without:
        row = by_key[key]
        assert (row["class_id"], row["class_name"], row["valid"]) == (-2, None, True)
        assert (row["label_suspicion"], row["likely_class_id"]) == (None, None)
        # The oracle: coefficients minus the mean, times the patterns.
        place = kept.row(key)
        expected = (kept.coefficients[place] - kept.mean[:]) @ np.asarray(kept.patterns[:], np.float64).T
        np.testing.assert_allclose(kept.scores[place], expected, rtol=1e-3, atol=1e-4)
    assert (kept.manifest.repeated, kept.manifest.conflicting) == (1, 0)
    assert skipped.manifest.repeated == 0


def test_check_counts_kept_images_apart_from_the_classes(listed):
    found = check_source(str(listed), Settings(unlabelled="keep", rank=4))
    assert (found.images, sum(count for splits in found.classes.values() for count in splits.values())) == (120, 100)
    assert sum(note.count for note in found.findings.notes if note.kind == "kept without a label") == 20
    assert not found.problems
    assert (found.duplicates.images, found.duplicates.conflicting) == (1, 0)
    assert check_json(found)["classes"] == found.classes
    write_check_csv(found, listed.with_name("all.csv"))
    rows = list(csv.reader(listed.with_name("all.csv").read_text().splitlines()))
    assert sorted(row[2] for row in rows if row[0] == "repeated image") == ["", "a"]


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """A folder of 90 images without labels, one of them twice and one of a single color."""
    folder = tmp_path_factory.mktemp("flat")
    made = smooth_images(folder / "made", count=30)
    (folder / "data").mkdir()
    for number, path in enumerate(sorted(made.rglob("*.png"))):
        (folder / "data" / f"{number:02d}.png").write_bytes(path.read_bytes())
    (folder / "data" / "copy.png").write_bytes((folder / "data" / "00.png").read_bytes())
    Image.new("L", (16, 16), 128).save(folder / "data" / "flat.png")
    return folder / "data"


def test_a_dataset_without_any_label_is_refused_unless_they_are_kept(flat, tmp_path):
    for chosen in (None, "skip"):
        with pytest.raises(
            InputError, match=r"No image of .* has a label\. Give labels, or pass --unlabelled keep to "
        ):
            analyse(flat, tmp_path, unlabelled=chosen, **SMALL)


def test_a_dataset_without_any_label_has_patterns_copies_quality_and_columns(flat, tmp_path):
    run = analyse(flat, tmp_path / "w", report=True, unlabelled="keep", **SMALL)
    pixels = np.stack([np.asarray(Image.open(path), np.float64).ravel() / 255 for path in sorted(flat.iterdir())])
    _, values, _, _ = naive.svd(pixels, SMALL["rank"])
    np.testing.assert_allclose(run.tables["patterns"]["singular_value"], values, rtol=1e-4)
    assert run.manifest.classes == ("no label",)
    row = run.tables["learnability"].to_pylist()[0]
    assert (row["classes"], row["learnability"], row["expected_null"], row["explained_variance"]) == (1, *[None] * 3)
    for name in ("held_out", "judges"):
        assert run.tables[name]["accuracy"].null_count == len(run.tables[name])
    found = {(row["kind"], row["key"]) for row in run.tables["issues"].to_pylist()}
    assert {kind for kind, _ in found} >= {"exact duplicate", "flat"}
    assert ("flat", "flat.png") in found
    summary = " ".join(str(part) for part in run_summary(run).renderables)
    assert "no labels" in summary
    assert "There are no labels to compare" in summary
    text = run.paths.report.read_bytes().decode()
    assert "The images have no labels to compare." in text
    assert 'id="patterns"' in text
    assert not any(f'id="{section}"' in text for section in ("classes", "map", "noise", "generalized", "learning"))
    table = pa.table({"key": [f"{n:02d}.png" for n in range(90)], "kind": ["abc"[n // 30] for n in range(90)]})
    (found,) = associate_columns(run, ["kind"], KeyedTable("made", table))
    summary = found.tables["column_summary"].to_pylist()[0]
    assert summary["missing"] == 2
    assert summary["learnability"] > summary["learnability_shuffled_max"]


def test_an_array_of_several_labels_an_image_is_asked_about_its_labels(tmp_path):
    random = np.random.default_rng(0)
    bright, noisy = random.random(400) < 0.5, random.random(400) < 0.4
    images = random.integers(0, 60, (400, 16, 16)) + 150 * bright[:, None, None]
    labels = np.stack([bright, noisy, bright & noisy], axis=1).astype(np.uint8)
    np.savez(tmp_path / "chest.npz", train_images=images.astype(np.uint8), train_labels=labels)
    with pytest.raises(InputError, match=r"several labels each, so no single class\. Pass --unlabelled keep to"):
        analyse(tmp_path / "chest.npz", tmp_path, **SMALL)
    run = analyse(tmp_path / "chest.npz", tmp_path, unlabelled="keep", **SMALL)
    assert run.tables["columns"]["labels"].to_pylist() == [np.flatnonzero(row).tolist() for row in labels]
    noted = check_source(str(tmp_path / "chest.npz"), Settings(unlabelled="keep", rank=4)).findings.notes
    assert [(note.kind, note.count) for note in noted] == [("several labels", 400)]
    (found,) = associate_columns(run, ["labels"])
    area = dict(zip(*(found.tables["column_values"][name].to_pylist() for name in ("value", "area")), strict=True))
    assert area["0"] == pytest.approx(1, abs=0.02)
    assert 0.2 < (area["1"] or 0.5) < 0.8
    row = found.tables["column_summary"].to_pylist()[0]
    assert (row["kind"], row["source"], row["missing"]) == ("labels", "dataset", 0)
