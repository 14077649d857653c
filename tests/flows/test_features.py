"""Rows of features in place of images: the same numbers as the obvious code, and no word of pictures."""

import re

import h5py
import numpy as np
import pyarrow as pa
import pytest
import zarr
from rich.console import Console

from flows import stages
from flows.cli.explorer import open_run as explore
from flows.cli.inputs import estimate
from flows.cli.summary import run_summary
from flows.workers.fanout import InlineFanout
from storage.errors import EigenwaveError, InputError
from storage.formats.keyed_table import KeyedTable
from storage.formats.open import open_source
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.columns.ask import associate_columns
from tasks.explain.tables import explain_run
from tasks.planning.check import check_source
from tasks.planning.outlook import plan_run
from tasks.report.reconstruct import reconstruct_image
from tasks.run.begin import begin_run
from tests import naive
from tests.runs import analyse, finish, local, results

CLASSES, WIDTH = 3, 24
NONE = {"transform": "none", "rank": 5, "permutations": 3}


def features(count=300, seed=0):
    """Rows about the means of their classes, of unlike widths, and far from zero."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count)
    spread = np.geomspace(4, 0.2, WIDTH)
    rows = random.normal(size=(count, WIDTH)) * spread + 2 * random.normal(size=(CLASSES, WIDTH))[labels] + 7
    return rows, labels


def write(folder, rows, labels, form="npz"):
    """Features and labels in one of the formats of arrays; gives the dataset's path."""
    folder.mkdir(parents=True, exist_ok=True)
    match form:
        case "npz":
            np.savez(folder / "features.npz", X=rows, y=labels)
            return folder / "features.npz"
        case "npy":
            np.save(folder / "embeddings.npy", rows)
            np.save(folder / "labels.npy", labels)
        case "zarr":
            group = zarr.open_group(folder / "f.zarr", mode="w")
            for name, values in {"features": rows, "labels": labels}.items():
                group.create_array(name, shape=values.shape, chunks=(64, *values.shape[1:]), dtype=values.dtype)[:] = (
                    values
                )
            return folder / "f.zarr"
        case "hdf5":
            with h5py.File(folder / "f.h5", "w") as file:
                file["x"], file["y"] = rows, labels
            return folder / "f.h5"
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run in several shards on rows of which one has NaN, one repeats another, and one nearly does."""
    folder = tmp_path_factory.mktemp("features")
    rows, labels = features()
    rows[5, 3], rows[8], rows[11] = np.nan, rows[9], rows[12] + 1e-5
    labels[8], labels[11] = labels[9], labels[12]
    source = write(folder / "data", rows.astype(np.float32), labels)
    return analyse(source, folder / "workspace", report=True, shard_size=2**13, max_bad_fraction=0.01, **NONE)


@pytest.mark.parametrize(
    ("form", "dtype"), [("npz", "float32"), ("npy", "float64"), ("zarr", "float16"), ("hdf5", "int16")]
)
def test_numbers_are_those_of_the_obvious_code(tmp_path, form, dtype):
    rows, labels = features()
    stored = (rows * 100 if dtype == "int16" else rows).astype(dtype)
    found = analyse(write(tmp_path / "data", stored, labels, form), tmp_path / "workspace", **NONE)
    exact = stored.astype(np.float64)
    mean, values, patterns, _ = naive.svd(exact, 5)
    scores = (exact - mean) @ patterns.T
    table = found.tables["patterns"]
    np.testing.assert_allclose(np.asarray(table["singular_value"]), values, rtol=1e-5)
    signs = np.sign((np.asarray(found.patterns) * patterns).sum(axis=1))
    np.testing.assert_allclose(np.asarray(found.patterns) * signs[:, None], patterns, atol=1e-4)
    np.testing.assert_allclose(np.asarray(found.scores) * signs, scores, atol=1e-4 * np.abs(scores).max())
    np.testing.assert_allclose(np.asarray(found.mean), mean, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(table["eta_squared"]), naive.eta_squared(scores, labels), atol=1e-4)
    assert found.manifest.learnability["learnability"] == pytest.approx(naive.learnability(scores, labels), abs=1e-4)


def test_columns_are_centred_and_nothing_else(tmp_path):
    """A feature that varies more counts for more; without --no-centre the mean is subtracted."""
    rows, labels = features()
    found = analyse(write(tmp_path / "data", rows, labels), tmp_path / "workspace", centre=False, **NONE)
    _, values, _, _ = naive.svd(rows, 5, centre=False)
    np.testing.assert_allclose(np.asarray(found.tables["patterns"]["singular_value"]), values, rtol=1e-5)


def test_bad_rows_and_copies_are_found(run):
    (reject,) = run.tables["rejects"].to_pylist()
    assert (reject["key"], reject["reason"]) == ("train/0000005", "not finite")
    assert reject["detail"] == f"1 of {WIDTH} values are NaN or infinite"
    pairs = {(pair["key"], pair["other_key"]) for pair in run.tables["near_duplicates"].to_pylist()}
    assert {pair["mirrored"] for pair in run.tables["near_duplicates"].to_pylist()} == {
        None
    }  # rows have no mirror image
    assert run.tables["duplication"]["mirrored_pairs"].to_pylist() == [None]
    assert {frozenset(pair) for pair in pairs} == {
        frozenset({"train/0000008", "train/0000009"}),
        frozenset({"train/0000011", "train/0000012"}),
    }


def test_a_feature_that_squares_to_no_number_is_set_aside(tmp_path):
    rows, labels = features()
    rows[4, 0] = 1e20
    found = analyse(write(tmp_path / "d", rows, labels), tmp_path / "w", max_bad_fraction=0.01, **NONE)
    (reject,) = found.tables["rejects"].to_pylist()
    assert (reject["key"], reject["reason"]) == ("train/0000004", "out of range")


@pytest.mark.parametrize("scale", [1e-15, 1e13])
def test_features_may_be_small_or_large(tmp_path, scale):
    rows, labels = features()
    found = analyse(write(tmp_path / "d", rows * scale, labels), tmp_path / "w", scales=False, **NONE)
    _, values, _, _ = naive.svd(rows, 5)
    np.testing.assert_allclose(np.asarray(found.tables["patterns"]["singular_value"]) / scale, values, rtol=1e-5)


@pytest.mark.parametrize("solver", ["gram", "dual", "krylov"])
def test_features_whose_squares_are_lost_are_refused(tmp_path, solver):
    rows, labels = features()
    with pytest.raises(EigenwaveError, match="vary by less than 1e-18"):
        analyse(write(tmp_path / "d", rows * 1e-30, labels), tmp_path / "w", solver=solver, **NONE)


def test_a_number_takes_the_place_of_labels(tmp_path):
    """Features without a class are one class; what they are about is asked afterwards."""
    rows, _ = features()
    source = write(tmp_path / "d", rows, np.full(len(rows), -1))
    found = analyse(source, tmp_path / "w", unlabelled="keep", **NONE | {"rank": WIDTH})
    numbers = pa.table({"key": found.tables["samples"]["key"], "price": 3 * rows[:, 2] - rows[:, 5]})
    (asked,) = associate_columns(found, ["price"], KeyedTable("made", numbers))
    (row,) = asked.tables["column_summary"].to_pylist()
    assert row["kind"] == "number"
    assert row["held_out"] > 0.99
    assert row["held_out_shuffled"] < 0.2


def test_wrong_labels_are_found_in_the_own_space(tmp_path):
    rows, labels = features(900)
    wrong = np.random.default_rng(1).choice(900, 20, replace=False)
    given = labels.copy()
    given[wrong] = (given[wrong] + 1) % CLASSES
    found = analyse(write(tmp_path / "data", rows, given), tmp_path / "workspace", **NONE | {"rank": 12})
    suspects = found.tables["suspects"]["row"].to_pylist()
    assert not found.manifest.plan["judging_rank"]
    assert len(set(suspects[:20]) & set(wrong.tolist())) >= 18
    assert set(suspects[:1]) < set(wrong.tolist())


def test_the_report_has_neither_pictures_nor_words_about_them(run):
    page = (run.paths.report).read_bytes().decode()
    body = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    assert "<img" not in body
    assert "no picture" not in body
    text = re.sub(r"<[^>]*>", " ", body)
    assert f"300 rows of {WIDTH} features" in text
    assert not re.search(r"pixel|wavelet|brightness|scale|colou?r", text.replace("pywavelets", ""))
    figures = {path.name for path in (local(run.paths.folder) / "figures").iterdir()}
    assert {"map.svg", "spectrum.svg"} <= figures
    assert not figures & {
        "patterns.svg",
        "class_patterns.svg",
        "generalized_patterns.svg",
        "exemplars.svg",
        "scales.svg",
    }
    assert not {"properties"} & set(run.tables)
    assert not len(run.tables["quality"]) + len(run.tables["thumbnails"]) + len(run.tables["scales"])


def test_the_summary_speaks_of_features(run):
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as said:
        console.print(run_summary(run))
    assert f"300 rows of {WIDTH} features" in said.get()
    assert "eigenwave open" not in said.get()
    assert "pictures" not in said.get()


def test_a_run_that_was_ended_continues_to_the_same_bits(tmp_path):
    source = write(tmp_path / "data", *features())
    whole = analyse(source, tmp_path / "one", run_id="a", shard_size=2**13, **NONE)
    workspace = Workspace(tmp_path / "other")
    workspace.prepare()
    settings = Settings(shard_size=2**13, **NONE)
    first = begin_run(str(source), settings, workspace, "a")
    assert stages.transform(first, InlineFanout(), stages.silent)
    again = begin_run(str(source), settings, workspace, "a")
    assert not stages.transform(again, InlineFanout(), stages.silent)
    finish(again)
    assert results(whole) == results(type(whole)(again.paths))
    assert whole.manifest.plan["shards"] > 1


def test_columns_and_layers_can_be_asked_about(run, tmp_path):
    layer = np.asarray(run.scores)[:, :3] @ np.random.default_rng(2).normal(size=(3, 4))
    (found,) = explain_run(Workspace(tmp_path), run, {"layer": layer})
    assert found.tables["explained_layers"]["r_squared"][0].as_py() > 0.99
    with pytest.raises(InputError, match="brightness"):
        associate_columns(run, ["brightness"])
    with pytest.raises(InputError, match=r"is on features .* which have no properties"):
        associate_columns(run, ["properties"])
    keys = run.tables["samples"]["key"]
    numbers = pa.table({"key": keys, "n": np.nan_to_num(np.asarray(run.scores)[:, 0])})
    (asked,) = associate_columns(run, ["n"], KeyedTable("made", numbers))
    assert asked.tables["column_summary"]["learnability"][0].as_py() == pytest.approx(1, abs=1e-6)


def test_what_needs_images_is_refused(run, tmp_path):
    says = "is on features .* so it has no pictures"
    with pytest.raises(InputError, match=says):
        _ = run.pattern_images
    with pytest.raises(InputError, match=says):
        run.reconstruct("train/0000001", 2)
    with pytest.raises(InputError, match=says):
        reconstruct_image(run, "train/0000001", 2, tmp_path / "a.png", steps=False)
    with pytest.raises(InputError, match=says):
        next(explore(str(run.paths.folder), browser=False))


def test_features_and_images_need_their_transform(tmp_path):
    source = str(write(tmp_path / "data", *features()))
    with pytest.raises(InputError, match=r"holds rows of 24 features, .* --transform none"):
        plan_run(source, Settings())
    with pytest.raises(InputError, match=r"holds rows of 24 features, .* --transform none"):
        check_source(source, Settings())
    with pytest.raises(InputError, match="describe images, but --transform none takes features"):
        estimate(None, Settings(transform="none"), 1e6, 64, 3, 10)
    with pytest.raises(
        InputError, match=r"digits holds images, but --transform none takes arrays of shape \(n, features\)"
    ):
        plan_run("digits", Settings(transform="none"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": 8}, "leave out size"),
        ({"wavelet": "db2", "level": 1}, "leave out wavelet, level"),
        ({"judge_space": "modulus"}, "leave out judge_space"),
    ],
)
def test_settings_of_images_are_refused(changed, message):
    with pytest.raises(InputError, match=message):
        Settings.load({"transform": "none"} | changed)


def test_check_has_no_brightness(tmp_path):
    rows, labels = features()
    rows[5, 3] = np.inf
    found = check_source(str(write(tmp_path / "data", rows, labels)), Settings(transform="none"))
    assert found.looked.all.mean_brightness is None
    assert found.looked.all.images == len(rows) - 1
    assert [key for key, *_ in found.looked.bad] == ["train/0000005"]


def test_features_beside_images_are_not_read(tmp_path):
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (4, 8, 8), np.uint8), np.arange(4) % 2
    np.savez(tmp_path / "a.npz", images=images, features=random.normal(size=(4, 5)), labels=labels)
    layout = open_source(str(tmp_path / "a.npz")).layout
    assert layout is not None
    assert not layout.features
