"""A report for others names no place, and shows images only if they may be seen."""

import json
import re

import pytest

from storage.runs.workspace import Workspace
from tasks.columns.ask import ask_run
from tasks.report.gather import gather_report
from tasks.report.page import shared_page
from tasks.report.sharing import for_others
from tests.runs import SMALL, analyse
from tests.tasks.inspect.planted import planted

PRIVATE = "not for others"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace whose run has copies, and was asked about a column of a table."""
    folder = tmp_path_factory.mktemp(PRIVATE)
    planted(folder / "photographs")
    run = analyse(folder / "photographs", folder / "workspace", report=True, **SMALL | {"rank": 8, "scales": False})
    samples = run.tables["samples"].to_pylist()
    lines = ["key,site", *(f"{row['key']},{row['row'] % 2}" for row in samples)]
    (folder / "sites.csv").write_text("\n".join(lines))
    workspace = Workspace(folder / "workspace")
    ask_run(workspace, run, ["site"], folder / "sites.csv")
    return workspace, run


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_it_names_the_dataset_and_paths_below_it(made, monkeypatch):
    monkeypatch.setattr("tasks.report.listed.LISTED", 1)
    workspace, run = made
    page = shared_page(workspace, run.paths)
    assert PRIVATE in run.paths.report.read_bytes().decode()
    assert PRIVATE not in page
    assert "<dd>photographs</dd>" in page
    assert "table sites.csv" in page
    # The list of all images is not sent along.
    assert "The first 1 of" in page
    assert "issues.csv" not in page.partition("<script")[0]
    data = data_of(page)
    paths = {row[1] for found in data["listed"].values() for row in found["rows"]}
    assert "test/c/copy.png" in paths
    assert {path for _, key, _, path in data["thumbnails"].values() if path != key} == set()


def test_without_thumbnails_no_image_is_seen(made):
    workspace, run = made
    page = shared_page(workspace, run.paths, thumbnails=False)
    assert "data:image/webp;base64" in shared_page(workspace, run.paths)
    assert data_of(page)["thumbnails"] == {}
    assert 'id="rebuilt"' not in page
    assert page.count("data-row") < shared_page(workspace, run.paths).count("data-row")
    assert "Every image is the mean plus a sum of these" in page


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("{source}/train/a/1.png", "train/a/1.png"),
        ("/elsewhere/1.png", "1.png"),
        ("s3://bucket/images/1.png", "1.png"),
        (None, None),
    ],
)
def test_of_a_file_elsewhere_the_name_is_left(made, path, seen):
    _, run = made
    report = gather_report(run)
    row = next(iter(report.thumbnails))
    report.thumbnails[row] = report.thumbnails[row]._replace(path=path and path.format(source=run.manifest.source))
    assert for_others(report).thumbnails[row].path == seen
