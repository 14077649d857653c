"""eigenwave apply and decide, as a user calls them."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.datasets import smooth_images
from tests.runs import SMALL, analyse, local


@pytest.fixture
def run(tmp_path):
    source = smooth_images(tmp_path / "data", count=20)
    shutil.copy(source / "a" / "0001.png", source / "a" / "again.png")
    shutil.copy(source / "a" / "0002.png", source / "b" / "conflict.png")
    return analyse(source, tmp_path / "eigenwave-workspace", run_id="one", **SMALL)


def acted(run, path, actions):
    """Write the run's list with actions by kind and key."""
    with local(run.paths.issues).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["action"] = actions.get((row["kind"], row["key"]), "")
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    return path


def test_apply_writes_a_folder_or_a_list_and_says_what_to_do_next(run, tmp_path, eigenwave):
    to_do = acted(
        run,
        tmp_path / "to-do.csv",
        {("exact duplicate", "a/again.png"): "drop", ("conflict", "b/conflict.png"): "relabel:a"},
    )
    done = eigenwave("apply", to_do, "data", "--to", "fixed")
    assert done.returncode == 0, done.stderr
    assert "fixed has 61 images: 1 relabelled, 1 dropped, 0 kept as they are by an action." in done.stdout
    assert "Next: eigenwave run fixed\n" in done.stdout
    assert (tmp_path / "fixed/a/conflict.png").resolve() == tmp_path / "data/b/conflict.png"
    assert not (tmp_path / "fixed/a/again.png").exists()
    done = eigenwave("apply", to_do, "data", "--to", "fixed.csv")
    assert f"Next: eigenwave run fixed.csv --root {tmp_path}/data\n" in done.stdout
    words = done.stdout.partition("Next: eigenwave run ")[2].split()
    assert "61 of 16 x 16 pixels" in " ".join(eigenwave("plan", *words).stdout.split())


@pytest.mark.usefixtures("run")
def test_apply_writes_the_images_of_an_archive_out(tmp_path, eigenwave):
    archive = shutil.make_archive(tmp_path / "packed", "zip", tmp_path / "data")
    (tmp_path / "to-do.csv").write_text("key,action\npacked.zip/a/again.png,drop\n")
    done = eigenwave("apply", "to-do.csv", archive, "--to", "fixed")
    assert done.returncode == 0, done.stderr
    assert "fixed has 61 images: 0 relabelled, 1 dropped, 0 kept as they are by an action." in done.stdout
    assert "Next: eigenwave run fixed\n" in done.stdout
    kept = {path.relative_to(tmp_path / "data") for path in (tmp_path / "data").rglob("*.png")} - {Path("a/again.png")}
    assert {path.relative_to(tmp_path / "fixed") for path in (tmp_path / "fixed").rglob("*.png")} == kept
    done = eigenwave("apply", "to-do.csv", archive, "--to", "fixed.csv")
    assert done.returncode == 2
    assert "The images are no files that a list could name" in done.stderr


def test_refusals_are_one_sentence_and_write_nothing(run, tmp_path, eigenwave):
    to_do = acted(run, tmp_path / "to-do.csv", {("conflict", "b/conflict.png"): "relabel:z"})
    done = eigenwave("apply", to_do, "data", "--to", "fixed")
    assert done.returncode == 2
    assert "relabels with 'z'; the classes are a, b, c." in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "fixed").exists()


def test_what_is_decided_is_not_new_again(run, tmp_path, eigenwave):
    def new(*words):
        done = eigenwave("issues", "--new", "--format", "jsonl", *words)
        assert done.returncode == 0, done.stderr
        return {(row["kind"], row["key"]) for row in map(json.loads, done.stdout.splitlines())}

    every = new()
    kept = {("exact duplicate", "a/again.png"): "keep", ("conflict", "b/conflict.png"): "drop"}
    to_do = acted(run, tmp_path / "to-do.csv", kept)
    done = eigenwave("decide", to_do, "--decisions", "decisions.jsonl")
    assert done.returncode == 0, done.stderr
    assert "decisions.jsonl has 2 decisions, 2 of them new." in done.stdout
    assert new("--decisions", "decisions.jsonl") == every - kept.keys()
    assert new() == every
    first = (tmp_path / "decisions.jsonl").read_bytes()
    assert "2 decisions, 0 of them new" in eigenwave("decide", to_do, "--decisions", "decisions.jsonl").stdout
    assert (tmp_path / "decisions.jsonl").read_bytes() == first
    # By default they are the workspace's, and hold in later runs, under other names of the image too.
    assert eigenwave("decide", to_do, "one").returncode == 0
    (tmp_path / "data/a/again.png").rename(tmp_path / "data/a/moved.png")
    analyse(tmp_path / "data", tmp_path / "eigenwave-workspace", run_id="two", **SMALL)
    assert ("exact duplicate", "a/moved.png") not in new()
    refused = eigenwave("decide", to_do, "two")
    assert refused.returncode == 2
    assert "is no issue of run two; name the run that it comes from." in refused.stderr


@pytest.mark.parametrize(
    ("kind", "file"), [("csv", "samples.csv"), ("fiftyone", "data.json"), ("huggingface", "metadata.jsonl")]
)
def test_export_writes_for_other_programs(run, tmp_path, eigenwave, kind, file):
    done = eigenwave("export", run.paths.folder, "--to", kind, "--output", "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out has 62 images.\n"
    assert (tmp_path / "out" / file).exists()
    assert eigenwave("export", "--to", kind, "--output", "out").returncode == 2
