"""The report as a file: what it says, that it is the same each time, and what becomes of it without some tables."""

import json
import re

import pytest

from flows.fanout import InlineFanout
from flows.repair import repair
from storage.files import write_file
from storage.run import open_run
from storage.verify import verify
from storage.workspace import Workspace
from tasks.rewrite_report import rewrite_report
from tests.conftest import local, write_images
from tests.flows.test_stages import analyse


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    images = write_images(folder / "data", classes=("<cat> & co", "dog"), count=30)
    (images / "dog" / "bad.png").write_bytes(b"no image")
    return analyse(images, folder / "workspace", rank=5, max_bad_fraction=0.1)


def html_of(run):
    return run.paths.report.read_bytes().decode()


def data_of(html, name="data"):
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html, re.DOTALL)[1])


def test_it_says_the_verdict_and_shows_classes_and_patterns(run):
    html = html_of(run)
    assert "<h1" in html
    assert "learnable." in html
    data = data_of(html)
    assert data["names"] == ["<cat> & co", "dog"]
    assert len(data["patterns"]) == 5
    assert "<cat>" not in html
    effects = run.tables["pattern_class"].to_pandas()
    first = max(effects[effects.pattern == 0].itertuples(), key=lambda row: abs(row.cohens_d))
    assert data["patterns"][0]["classes"][0][0] == first.class_id
    exemplars = run.tables["exemplars"].to_pandas()
    positive = exemplars[(exemplars.pattern == 0) & (exemplars.side == "positive")].row.tolist()
    assert data["patterns"][0]["exemplars"]["positive"] == positive
    assert {str(row) for row in positive} <= set(data["thumbnails"])
    assert "dog/bad.png" in html
    for image in re.findall(r"<img[^>]*>", html):
        assert re.search(r'alt="[^"]+"', image)


def test_nothing_is_fetched_from_elsewhere(run):
    page = re.sub(r"<script.*?</script>", "", html_of(run), flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)
    assert "<script src" not in html_of(run)


def test_it_is_the_same_each_time_and_part_of_the_manifest(run):
    before, manifest = html_of(run), run.manifest
    assert "report.html" in manifest.files
    rewrite_report(run.paths)
    assert html_of(run) == before
    assert open_run(run.paths.folder).manifest == manifest


def test_a_report_of_another_version_is_digested_anew(run):
    paths, workspace = run.paths, Workspace(str(run.paths.folder).rpartition("/runs/")[0])
    html = html_of(run)
    write_file(paths.report, b"older")
    assert [fault.path for fault in verify(workspace, paths)] == [paths.report]
    assert repair(workspace, paths, InlineFanout())
    assert html_of(run) == html
    assert not list(verify(workspace, paths))


def test_suspects_are_the_images_with_the_highest_suspicion(run):
    samples, suspects = run.tables["samples"].to_pandas(), run.tables["suspects"].to_pandas()
    expected = samples[samples.label_suspicion > 0].sort_values("label_suspicion", ascending=False)
    assert suspects.key.tolist() == expected.key.tolist()[:100]
    assert suspects.label_suspicion.tolist() == expected.label_suspicion.tolist()[:100]


def test_modulus_is_shown_as_maps_of_energy(tmp_path):
    images = write_images(tmp_path / "data", shape=(16, 16, 3), count=20)
    run = analyse(images, tmp_path / "workspace", rank=4, transform="modulus")
    html = html_of(run)
    assert "these maps" in html
    assert "Images from few patterns" not in html


def test_a_source_that_is_gone_leaves_the_report_as_it_was(tmp_path):
    import shutil  # noqa: PLC0415

    images = write_images(tmp_path / "data", count=12)
    run = analyse(images, tmp_path / "workspace", rank=3)
    before = html_of(run)
    shutil.rmtree(images)
    rewrite_report(run.paths)
    assert html_of(run) == before


def test_sections_without_a_table_are_left_out(tmp_path):
    run = analyse(write_images(tmp_path / "data", count=12), tmp_path / "workspace", rank=3)
    for name in ("suspects", "thumbnails", "generalized_patterns", "exemplars", "held_out"):
        local(run.paths.table(name)).unlink()
    rewrite_report(run.paths)
    html = html_of(run)
    assert "Labels worth a look" not in html
    assert "Images from few patterns" not in html
    assert "The patterns" in html
