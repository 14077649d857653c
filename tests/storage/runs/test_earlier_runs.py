"""Runs that earlier versions wrote and users still have, and runs of later versions."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from flows import stages
from flows.repair import repair
from flows.workers.fanout import InlineFanout
from storage.errors import EigenwaveError, InputError
from storage.runs import shards
from storage.runs.manifest import FORMAT_VERSION, read_manifest
from storage.runs.run import open_run
from storage.runs.verify import MISSING, verify
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.checked_json import read_checked, write_checked
from storage.tables.schemas import TABLES
from tasks.compare.audit import require_baseline
from tasks.compare.runs import compare_runs
from tasks.report.page import rewrite_report
from tasks.run.begin import begin_run
from tasks.transform import shard as transform_shard
from tests.datasets import write_images
from tests.runs import analyse, finish

EARLIER = Path(__file__).parents[2] / "earlier"


def test_a_run_of_each_format_is_kept():
    kept = {path.name for path in EARLIER.glob("format_*")}
    assert kept == {f"format_{version}" for version in range(1, FORMAT_VERSION + 1)}


@pytest.fixture(params=sorted(path.parent.name for path in EARLIER.glob("*/runs")))
def workspace(request, tmp_path):
    """A workspace as an earlier version left it."""
    return Workspace(shutil.copytree(EARLIER / request.param, tmp_path / "workspace"))


# Those with fewer columns and tables than today, and with arrays that are in no group.
outdated = pytest.mark.parametrize("workspace", ["addressed_by_source", "format_1"], indirect=True)


def test_what_it_found_can_be_read(workspace):
    run = open_run(f"{workspace.folder}/latest")
    assert run.manifest.learnability["learnability"] == pytest.approx(0.16, abs=0.01)
    assert len(run.manifest.classes) == 10
    for name in run.tables:
        assert run.tables[name].schema.equals(TABLES[name])
    samples = run.tables["samples"]
    assert len(samples) == run.scores.shape[0] == run.coefficients.shape[0] == 1797
    centred = run.coefficients[:].astype(np.float64) - run.mean[:]
    np.testing.assert_allclose(run.scores[:], centred @ run.patterns[:].T.astype(np.float64), atol=1e-4)
    key = samples["key"][5].as_py()
    difference = run.reconstruct(key, 4) - run.reconstruct(key, 0)
    np.testing.assert_allclose(difference, np.tensordot(run.scores[5], run.pattern_images[:], 1), atol=1e-5)
    assert run.class_pattern_image(3).shape == (8, 8, 1)


@outdated
def test_columns_that_an_earlier_version_did_not_have_are_null(workspace):
    run = open_run(f"{workspace.folder}/latest")
    written = pq.read_schema(f"{run.paths.table('samples')}").names
    added = {"class_name", "likely_class_name", "run_id", "suggested_probability"}
    assert not added & set(written), "this run was written before there were such columns"
    samples = run.tables["samples"]
    assert {name for name in samples.column_names if samples[name].null_count == len(samples)} == added
    assert run.tables["class_patterns"]["class_name"].null_count == 0


@outdated
def test_a_damaged_table_of_it_is_told_in_one_sentence_and_the_rest_is_brought_back(workspace):
    run = open_run(f"{workspace.folder}/latest")
    kept = run.paths.mean_image / "c" / "0" / "0" / "0"
    whole = kept.read_bytes()
    for path in (kept, run.paths.table("patterns")):
        Path(str(path)).unlink()
    with pytest.raises(EigenwaveError) as told:
        repair(workspace, run.paths, InlineFanout())
    sentence = r"tables/patterns.parquet of \S+ cannot be restored bit for bit: an earlier version of .*\."
    assert re.fullmatch(sentence, str(told.value))
    assert kept.read_bytes() == whole
    assert len(run.tables["samples"]) == 1797


@outdated
def test_what_a_run_of_an_earlier_version_does_not_have_is_told(workspace):
    run = open_run(f"{workspace.folder}/latest")
    for missing, asked in (("whose arrays have no coordinates", run.to_xarray), ("which listed no issues", run.issues)):
        with pytest.raises(InputError, match=rf"^The run \S+ was written by .* {missing}; run its dataset again\.$"):
            asked()


def has_run_and_names(run):
    """Every row of a run's tables names the run, and every number of a class has its name beside it."""
    names = dict(enumerate(run.manifest.classes))
    for name in TABLES:
        table = run.tables[name]
        assert table.schema.equals(TABLES[name])
        assert set(table["run_id"].to_pylist()) <= {run.manifest.run_id}
        for column in (column for column in table.column_names if column.endswith("class_id")):
            beside = table[column.replace("_id", "_name")].to_pylist()
            assert beside == [names.get(number) for number in table[column].to_pylist()], (name, column)


def test_it_is_verified_shown_and_continued(workspace):
    old = open_run(f"{workspace.folder}/latest")
    faults = list(verify(workspace, old.paths))
    assert all(fault.problem == MISSING and old.paths.of_report(fault.path) for fault in faults)
    rewrite_report(workspace, old.paths)
    assert "learnab" in old.paths.report.read_bytes().decode()
    settings = Settings.recorded(old.manifest.settings)
    job = begin_run(old.manifest.source, settings, workspace, "today")
    stages.run_stages(job, InlineFanout())
    new = open_run(f"{workspace.folder}/latest")
    has_run_and_names(new)
    summary = compare_runs(old, new).summary
    assert summary["changed_images"] == summary["added_images"] == summary["removed_images"] == 0
    assert summary["largest_angle"] < 1e-3
    assert abs(summary["learnability_drop"]) < 1e-4


@pytest.fixture
def unchanged(tmp_path, monkeypatch):
    """A workspace with a finished and an interrupted run, whose addresses held a digest of source code."""
    # Other versions of the libraries would be a reason to transform again, and they are not what this is about.
    monkeypatch.setattr(shards, "_versions", lambda: dict.fromkeys(shards.DECODERS, "1"))
    return Workspace(shutil.copytree(EARLIER / "addressed_by_source", tmp_path / "workspace"))


@pytest.fixture
def transformed(monkeypatch):
    """The spaces that each shard is transformed to from now on."""
    blocks, counted = transform_shard.transformed_blocks, []

    def counting(job, reading, payloads, count, outs):
        counted.append([type(space).__name__ for space, _ in outs])
        return blocks(job, reading, payloads, count, outs)

    monkeypatch.setattr(transform_shard, "transformed_blocks", counting)
    return counted


@pytest.mark.parametrize("judge_space", ["none", "modulus"])
def test_its_shards_are_used_again(unchanged, transformed, judge_space):
    old = open_run(f"{unchanged.folder}/latest")
    settings = Settings.recorded(old.manifest.settings)
    job = begin_run("digits", settings.but(judge_space=judge_space), unchanged, "today")
    stages.run_stages(job, InlineFanout())
    new = open_run(job.paths.folder)
    # They have no properties, and no coefficients that labels are judged by.
    lacking = (["ReducedSpace"] if judge_space == "modulus" else []) + ["PropertySpace"]
    assert transformed == [lacking] * len(new.manifest.shards)
    assert new.manifest.shards == old.manifest.shards
    assert new.coefficients[:].tobytes() == old.coefficients[:].tobytes()


def test_a_run_that_was_interrupted_then_is_continued(unchanged, transformed):
    paths = unchanged.run("interrupted")
    written = [path.read_bytes() for path in (paths.settings, paths.plan)]
    job = begin_run("digits", Settings.recorded(json.loads(paths.settings.read_bytes())), unchanged, "interrupted")
    assert [path.read_bytes() for path in (paths.settings, paths.plan)] == written
    manifest = stages.run_stages(job, InlineFanout())
    assert len(manifest.shards) == 8
    assert manifest.format_version == 1
    assert not paths.arrays.is_dir()
    # The coefficients of three had been brought in.
    assert sorted(transformed) == [["PropertySpace"]] * 3 + [["PropertySpace", "CoefficientSpace"]] * 5
    assert list(verify(unchanged, paths)) == []


RESIZED = Settings(size=8, rank=2, permutations=1, scales=False, shard_size=4096)
EXACT = RESIZED.but(exact_resize=True)  # as earlier versions resized, without a setting


@pytest.fixture
def resized(request, tmp_path):
    """A run as earlier versions wrote it, of JPEG files that are resized; with a report if the parameter says so."""
    source = write_images(tmp_path / "photographs", (64, 64, 3), count=20, suffix=".jpg")
    with_report = getattr(request, "param", False)
    chosen = {name: value for name, value in EXACT.model_dump().items() if name != "report"}  # a group of settings
    return analyse(source, tmp_path / "workspace", run_id="old", report=with_report, **chosen)


def begin(old, settings, run_id=None):
    workspace = Workspace(f"{old.paths.folder}".rpartition("/runs/")[0])
    workspace.prepare()
    return begin_run(old.manifest.source, settings, workspace, run_id)


def test_pixels_that_were_resized_exactly_are_not_mixed_with_others(resized, transformed):
    assert "exact_resize" not in resized.manifest.settings
    job = begin(resized, RESIZED, "new")
    assert (job.rows_of, job.compared_with, job.warm_start) == (None, None, None)
    finish(job)
    new = open_run(job.paths.folder)
    assert new.manifest.settings["exact_resize"] is False
    assert len(transformed) == len(new.manifest.shards) > 1
    assert not set(new.manifest.shards) & set(resized.manifest.shards)
    assert np.abs(new.coefficients[:] - resized.coefficients[:]).max() > 0.02
    assert compare_runs(resized, new).summary["changed_images"] == 0
    with pytest.raises(InputError, match=r"run old has other coefficients .*resizing.* audit against a run with"):
        require_baseline(job.workspace, "old", RESIZED)
    require_baseline(job.workspace, "old", EXACT)
    job = begin(resized, EXACT, "as-before")
    assert (job.rows_of, job.compared_with) == (f"{resized.paths.folder}", "old")
    finish(job)
    assert open_run(job.paths.folder).manifest.shards == resized.manifest.shards
    assert len(transformed) == len(new.manifest.shards)


def test_a_run_that_was_resized_exactly_is_continued_as_such_only(resized):
    interrupted = begin(resized, EXACT)
    assert begin(resized, EXACT).run_id == interrupted.run_id
    with pytest.raises(InputError, match="has other settings or samples"):
        begin(resized, RESIZED, interrupted.run_id)
    other = begin(resized, RESIZED)
    assert other.run_id != interrupted.run_id
    assert begin(resized, RESIZED).run_id == other.run_id


@pytest.mark.parametrize("resized", [True], indirect=True)
def test_a_run_that_was_resized_exactly_is_verified_and_repaired_with_its_own_pixels(resized):
    workspace = Workspace(f"{resized.paths.folder}".rpartition("/runs/")[0])
    assert list(verify(workspace, resized.paths)) == []
    figures = [path for path in resized.paths.folder.files() if resized.paths.of_report(path)]
    assert len(figures) > 1
    lost = [workspace.chunk(resized.manifest.shards[0]), *figures]
    whole = [path.read_bytes() for path in lost]
    for path in lost:
        path.unlink()
    repair(workspace, resized.paths, InlineFanout())
    assert [path.read_bytes() for path in lost] == whole
    assert list(verify(workspace, resized.paths)) == []


def test_a_later_format_is_refused_whatever_else_it_has(workspace):
    paths = workspace.find("latest")
    content = read_checked(paths.manifest)
    write_checked(paths.manifest, {"format_version": FORMAT_VERSION + 1, "unknown": content["classes"]})
    with pytest.raises(InputError, match=f"format version {FORMAT_VERSION + 1}.*at most version {FORMAT_VERSION};"):
        read_manifest(paths.manifest)
