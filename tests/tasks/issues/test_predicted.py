"""Wrong labels by a run and a model together, through the command and from Python."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import eigenwave as package
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three classes, of which some images are in the folder of another, and one copy."""
    folder = tmp_path_factory.mktemp("predicted")
    source = smooth_images(folder / "data", count=60)
    for number in range(6):
        (source / "a" / f"{number:04d}.png").rename(source / "b" / f"wrong{number}.png")
    (source / "c" / "copy.png").write_bytes((source / "c" / "0001.png").read_bytes())
    return analyse(source, folder / "workspace", run_id="one", **SMALL)


@pytest.fixture(scope="module")
def predictions(run, tmp_path_factory):
    """A model that knows the right classes, and is unsure of all."""
    samples = run.tables["samples"].to_pandas()
    right = np.where(samples.key.str.contains("wrong"), 0, samples.class_id)
    logits = 3 * np.eye(3)[right] + np.random.default_rng(0).standard_normal((len(samples), 3))
    weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    path = tmp_path_factory.mktemp("model") / "model.parquet"
    pq.write_table(pa.table({"key": samples.key, **{"abc"[j]: weights[:, j] for j in range(3)}}), path)
    return path


def test_the_list_has_wrong_labels_that_both_find_and_all_other_issues(run, predictions):
    alone, both = package.issues(run).to_pandas(), package.issues(run, predictions=predictions).to_pandas()
    kinds = alone.kind.astype(str) != "wrong label"
    columns = ["key", "kind", "severity", "path", "evidence"]
    others = both[both.kind.astype(str) != "wrong label"]
    assert others[columns].astype(str).to_numpy().tolist() == alone[kinds][columns].astype(str).to_numpy().tolist()
    wrong = both[both.kind.astype(str) == "wrong label"]
    assert len(wrong) >= 3
    assert wrong.key.str.contains("wrong").all()
    assert (wrong.suggestion == "a").all()
    assert (wrong.path == run.manifest.source + "/" + wrong.key).all()
    assert (wrong.suggested_class_name.astype(str) == wrong.suggestion).all()
    assert wrong.evidence.str.startswith("By the run and the model it is a with probability").any()
    assert (np.diff(both.severity) <= 0).all()
    assert wrong.severity.between(0.08, 1).all()  # of three classes, where suspicion is .95 or more


def test_the_command_prints_the_same(run, predictions, eigenwave):
    workspace = str(run.paths.folder).removesuffix("/runs/one")
    words = ("issues", "--predictions", predictions, "--workspace", workspace)
    lines = eigenwave(*words, "--format", "jsonl", "--kind", "wrong label").stdout.splitlines()
    expected = package.issues(run, kind="wrong label", predictions=predictions).to_pylist()
    assert [json.loads(line)["key"] for line in lines] == [row["key"] for row in expected]
    printed = eigenwave(*words)
    assert f"{len(expected)} wrong label" in printed.stdout
    assert "The predictions are about 181 of 181 judged images" in " ".join(printed.stderr.split())
    refused = eigenwave("issues", "--predictions", "none.csv", "--workspace", workspace)
    assert refused.returncode == 2
    assert "There is no file none.csv" in refused.stderr


def test_rows_about_other_images_are_counted(run, predictions, eigenwave, tmp_path):
    table = pq.read_table(predictions)
    others = table.slice(0, 2).set_column(0, "key", pa.array(["x.png", "y.png"], table["key"].type))
    pq.write_table(pa.concat_tables([table, others]), tmp_path / "more.parquet")
    workspace = str(run.paths.folder).removesuffix("/runs/one")
    printed = eigenwave("issues", "--predictions", tmp_path / "more.parquet", "--workspace", workspace)
    assert "2 rows of the file name no image of the run." in " ".join(printed.stderr.split())
