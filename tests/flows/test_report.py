"""The report as a file: its content, that it is the same each time, and its form if some tables are missing."""

import json
import re
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from flows.repair import repair
from flows.workers.fanout import InlineFanout
from storage.runs.run import open_run
from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.stores.files import write_file
from tasks.report.figures import FIGURES
from tasks.report.gather import gather_report
from tasks.report.page import rewrite_report
from tests.datasets import write_images
from tests.runs import analyse, local


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    images = write_images(folder / "data", classes=("<cat> & co", "dog"), count=30)
    (images / "dog" / "bad.png").write_bytes(b"no image")
    shutil.copy(images / "dog" / "000.png", images / "<cat> & co" / "mislabelled.png")
    return analyse(images, folder / "workspace", report=True, rank=5, max_bad_fraction=0.1)


def workspace_of(run):
    return Workspace(str(run.paths.folder).rpartition("/runs/")[0])


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


def test_every_picture_of_the_report_is_a_figure(run):
    """With as many pictures and names as the run has patterns, classes, images."""
    report = gather_report(run)
    exemplars = [entry for entry in report.patterns if all(len(rows) >= 4 for rows in entry.exemplars.values())]
    expected = {
        "learnability": (0, {"labels", "mean color"}),
        "map": (2, {"<cat> & co", "dog"}),
        "spectrum": (0, {"all up to it", "the pattern"}),
        "scales": (0, {"LL2", "LH2", "HL2", "HH2", "LH1", "HL1", "HH1"}),
        "label_noise": (0, {"expected", "measured"}),
        "learning_curve": (0, {"R squared", "R squared, shuffled"}),
        "patterns": (5, {"0", "1", "2", "3", "4"}),
        "class_patterns": (2, {"<cat> & co", "dog"}),
        "generalized_patterns": (len(report.generalized), {"0"}),
        "exemplars": (9 * len(exemplars), {"pattern 0", "dog"}),
        "rebuilt": (len(report.rebuilt) * (1 + len(report.ranks)), {"0", "1", "4", "5"}),
        "suspects": (len(report.suspects[:32]), {"<cat> & co"}),
    }
    assert len(exemplars) > 0
    written = [path.name for path in (run.paths.folder / "figures").files()]
    assert sorted(written) == sorted(f"{name}.{kind}" for name in expected for kind in ("svg", "png"))
    for name, (pictures, words) in expected.items():
        root = ET.fromstring(run.paths.figure(f"{name}.svg").read_bytes())  # noqa: S314 - our own
        assert len(root.findall("{*}image")) == pictures, name
        assert words <= {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}, name
        assert root.find("{*}title").text
        assert root.find("{*}desc").text
        with Image.open(local(run.paths.figure(f"{name}.png"))) as image:
            assert image.size == tuple(round(3 * float(root.get(side))) for side in ("width", "height")), name
            assert np.asarray(image).std() > 5, name


def test_the_map_of_many_classes_shows_those_that_differ_most(run, monkeypatch):
    """One of 21,000 would take more memory than the rest of the run."""
    monkeypatch.setattr("tasks.report.figures.MOST_ROWS", 1)
    drawing = FIGURES["map"](gather_report(run))
    effects = run.tables["pattern_class"].to_pandas()
    most = effects.class_id[effects.cohens_d.abs().idxmax()]
    assert drawing.marks[0].pixels.shape[:2] == (1, 5)
    assert drawing.title == "Cohen's d of the 1 classes that differ most, on each pattern"
    assert drawing.description == f"Rows are {run.manifest.classes[most]}."


def test_class_patterns_that_do_not_come_back_are_marked(run):
    """Of noise that has only its brightness from the class, most directions are accidents."""
    held_out = [entry.held_out_ratios[0] for entry in gather_report(run).classes if entry.held_out_ratios]
    cards = re.findall(r'<span class="(quiet|doubt)">unseen (only )?', html_of(run))
    expected = [("quiet", "") if ratio > 1 else ("doubt", "only ") for ratio in held_out if ratio is not None]
    assert cards == expected


def test_nothing_is_fetched_from_elsewhere(run):
    page = re.sub(r"<script.*?</script>", "", html_of(run), flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!data:|#|issues\.csv")[^"]*"', page)
    assert "<script src" not in html_of(run)


def test_it_is_the_same_each_time_and_part_of_the_manifest(run):
    before, manifest = html_of(run), run.manifest
    assert "report.html" in manifest.files
    rewrite_report(workspace_of(run), run.paths)
    assert html_of(run) == before
    assert open_run(run.paths.folder).manifest == manifest


def test_a_report_of_another_version_is_digested_anew(run):
    paths, workspace = run.paths, workspace_of(run)
    html = html_of(run)
    write_file(paths.report, b"older")
    assert [fault.path for fault in verify(workspace, paths)] == [paths.report]
    assert repair(workspace, paths, InlineFanout())
    assert html_of(run) == html
    assert not list(verify(workspace, paths))


def test_suspects_are_the_images_with_the_highest_suspicion(run):
    samples, suspects = run.tables["samples"].to_pandas(), run.tables["suspects"].to_pandas()
    found = samples[samples.class_id != samples.likely_class_id].dropna(subset="label_suspicion")
    expected = found.sort_values(["label_suspicion", "row"], ascending=[False, True])
    assert suspects.key[0] == "<cat> & co/mislabelled.png"
    assert suspects.key.tolist() == expected.key.tolist()[:100]
    assert suspects.label_suspicion.tolist() == expected.label_suspicion.tolist()[:100]
    assert suspects.place_in_class.tolist() == expected.groupby("class_id").cumcount().tolist()[:100]
    classes = run.tables["classes"].to_pandas()
    judged = samples[samples.label_suspicion.notna()]
    assert classes.judged.tolist() == np.bincount(judged.class_id, minlength=len(classes)).tolist()
    assert classes.suspects.tolist() == np.bincount(found.class_id, minlength=len(classes)).tolist()
    np.testing.assert_allclose(classes.suspect_share, classes.suspects / classes.judged)
    in_turn = [row["place_in_class"] for row in gather_report(run).suspects]
    assert in_turn == sorted(in_turn)


@pytest.mark.parametrize("transform", ["modulus", "scattering"])
def test_what_has_no_inverse_is_shown_as_maps_of_energy(tmp_path, transform):
    images = write_images(tmp_path / "data", shape=(16, 16, 3), count=20)
    run = analyse(images, tmp_path / "workspace", report=True, rank=4, transform=transform)
    html = html_of(run)
    assert "these maps" in html
    assert "Images from few patterns" not in html


def test_a_source_that_is_gone_leaves_the_report_as_it_was(tmp_path):
    images = write_images(tmp_path / "data", count=12)
    run = analyse(images, tmp_path / "workspace", report=True, rank=3)
    before = html_of(run)
    shutil.rmtree(images)
    rewrite_report(workspace_of(run), run.paths)
    assert html_of(run) == before


def test_sections_without_a_table_are_left_out(tmp_path):
    run = analyse(write_images(tmp_path / "data", count=12), tmp_path / "workspace", report=True, rank=3)
    for name in ("suspects", "thumbnails", "generalized_patterns", "exemplars", "held_out"):
        local(run.paths.table(name)).unlink()
    rewrite_report(workspace_of(run), run.paths)
    html = html_of(run)
    assert "Labels worth a look" not in html
    assert "Images from few patterns" not in html
    assert "The patterns" in html


def test_a_report_without_pictures_of_single_images(tmp_path):
    images = write_images(tmp_path / "data", count=30)
    run = analyse(images, tmp_path / "workspace", report=True, rank=5, thumbnails=False)
    assert len(run.tables["thumbnails"]) == 0
    assert data_of(html_of(run))["thumbnails"] == {}
    drawn = {path.name for path in run.paths.folder.files() if "figures" in path.key}
    assert "patterns.svg" in drawn
    assert not drawn & {"exemplars.svg", "suspects.svg", "rebuilt.svg"}
    written = html_of(run)
    rewrite_report(workspace_of(run), run.paths)
    assert html_of(run) == written
    assert list(verify(Workspace(tmp_path / "workspace"), run.paths)) == []
