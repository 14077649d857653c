"""Issues of near-duplicates, of a dataset with planted ones."""

import pytest

from tests.runs import analyse
from tests.tasks.inspect.planted import copy_nearly, planted


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("near")
    planted(folder / "data")
    copy_nearly(folder / "data", "train/a/0004.png", "train/a/nearer still.png")
    return analyse(folder / "data", folder / "workspace", scales=False, permutations=1, rank=8)


def issues(run, kind):
    return {row["key"]: row for row in run.tables["issues"].to_pylist() if row["kind"] == kind}


def test_a_near_copy_in_another_split_leaks_and_the_fitted_image_is_kept(run):
    (row,) = issues(run, "near leak").values()
    assert (row["key"], row["split"], row["other_key"]) == ("test/c/near.png", "test", "train/c/0006.png")
    assert row["suggestion"] == "keep train/c/0006.png"
    assert row["evidence"].startswith(
        "It shows the same as train/c/0006.png in the split train, labelled c: they are 0."
    )
    assert 0.8 * 0.95 < row["severity"] < 0.8


def test_a_near_copy_with_another_label_is_a_conflict_without_a_suggestion(run):
    (row,) = issues(run, "near conflict").values()
    assert {row["key"], row["other_key"]} == {"train/b/0005.png", "train/c/near.png"}
    assert row["suggestion"] is None


def test_an_image_of_several_pairs_counts_once(run):
    found = issues(run, "near-duplicate")
    assert set(found) == {"train/a/near.png", "train/a/nearer still.png"}
    assert found["train/a/near.png"]["other_key"] == "train/a/0004.png"
    kinds = {row["kind"]: row["found"] for row in run.tables["issue_kinds"].to_pylist()}
    assert (kinds["near conflict"], kinds["near leak"], kinds["near-duplicate"]) == (1, 1, 2)


def test_exact_copies_are_not_told_twice(run):
    assert not {"train/a/copy.png", "test/c/copy.png"} & {
        key for kind in ("near conflict", "near leak", "near-duplicate") for key in issues(run, kind)
    }


def test_copies_are_counted_by_class(run):
    classes = run.tables["classes"].to_pandas().set_index("class_name")
    pairs, samples = run.tables["near_duplicates"].to_pandas(), run.tables["samples"].to_pandas().set_index("key")
    ends = [*zip(pairs.key, pairs.other_key, strict=True), *zip(pairs.other_key, pairs.key, strict=True)]
    of = samples.class_name.astype(str)
    conflicts = {one for one, other in ends if of[one] != of[other]}
    leaked = {one for one, other in ends if samples.split[one] == "test" and samples.split[other] == "train"}
    for name in "abc":
        assert classes.conflicts[name] == sum(of[key] == name for key in conflicts)
        assert classes.leaked[name] == sum(of[key] == name for key in leaked)
    assert classes.leaked["c"] == 2
    assert classes.duplicates.sum() == run.tables["duplication"]["duplicates"][0].as_py()
