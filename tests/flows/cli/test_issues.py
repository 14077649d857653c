"""eigenwave issues, as a user calls it."""

import io
import json
import shutil

import pytest

from storage.tables.spreadsheet import ENCODING, read_rows
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse, local


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with conflicts, in images with names that a spreadsheet or a terminal might take for something else."""
    folder = tmp_path_factory.mktemp("issues")
    source = smooth_images(folder / "data", count=30)
    for name in ("=1+1.png", "größe, “x”.png", "[bold]\x1b.png"):
        shutil.copy(source / "a" / "0001.png", source / "b" / name)
    return analyse(source, folder / "workspace", run_id="one", **SMALL)


def address_of(run):
    """Address of the run's workspace."""
    return str(run.paths.folder).removesuffix("/runs/one")


@pytest.fixture
def issues(run, eigenwave):
    def call(*words, **environment):
        finished = eigenwave(
            "issues", *words, "--workspace", str(run.paths.folder).removesuffix("/runs/one"), **environment
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    return call


def test_a_table_for_people_fits_into_80_columns(issues):
    printed = issues("--kind", "conflict", COLUMNS="80")
    assert max(map(len, printed.splitlines())) <= 80
    assert "4 conflict" in printed
    assert "4 chosen, 4 shown" in printed
    assert "b/[bold]\\x1b.png" in printed
    assert "\x1b" not in printed
    assert "1.000" in printed
    assert "issues.csv" in printed


def test_lists_for_programs(run, issues):
    rows = [row for row in run.tables["issues"].to_pylist() if row["kind"] == "conflict"]
    lines = issues("--kind", "conflict", "--format", "jsonl", "latest").splitlines()
    assert [json.loads(line) for line in lines] == rows
    paths = issues("--kind", "conflict", "--format", "paths", "--class", "a").splitlines()
    assert paths == [f"{run.manifest.source}/a/0001.png"]
    assert len(issues("--format", "paths", "--top", "2").splitlines()) == 2
    relative = issues("--format", "jsonl", "--paths", "relative")
    assert run.manifest.source not in relative
    assert all(row["path"] == row["key"] for row in map(json.loads, relative.splitlines()))


def test_the_same_spreadsheet_as_that_of_the_run(run, issues):
    assert issues("--format", "csv").encode() == local(run.paths.issues).read_bytes().replace(b"\r\n", b"\n")
    content = issues("--format", "csv", "--kind", "conflict", "--top", "2").encode()
    rows = list(read_rows(io.TextIOWrapper(io.BytesIO(content), ENCODING, newline=""), ["key", "action"], "stdout"))
    assert [row["key"] for row in rows] == ["a/0001.png", "b/=1+1.png"]


def test_what_is_new_in_the_first_run_is_everything(run, issues):
    assert len(issues("--new", "--format", "paths").splitlines()) == len(run.tables["issues"])


def test_wrong_words_are_refused(run, eigenwave):
    words = ("issues", "--workspace", address_of(run))
    for more, sentence in (
        (("--kind", "odd"), "eigenwave: There is no kind of issue 'odd'; choose from conflict, leak,"),
        (("--top", "-1"), "--top -1 is not possible"),
        (("--format", "xml"), "xml"),
        (("nowhere",), "has no run nowhere"),
    ):
        finished = eigenwave(*words, *more)
        assert finished.returncode == 2
        assert sentence in finished.stderr
        assert len(finished.stderr.strip().splitlines()) == 1
