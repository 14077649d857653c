import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from storage.arrays.npy import load_npy
from storage.arrays.zarr import chunk_path, open_array
from storage.datasets import source as source_module
from storage.errors import EigenwaveError
from storage.formats.open import open_source
from storage.runs.shards import find_shard
from storage.tables.batches import metadata_of, read_batch
from tasks.run.state import load_shard, read_totals
from tasks.transform import images as read_images
from tasks.transform import recipe
from tasks.transform import shard as module
from tasks.transform.around import begin_transform, finish_transform
from tasks.transform.images import Digested, digest_images
from tasks.transform.reuse import unread
from tasks.transform.shard import transform_shard
from tests import naive
from tests.datasets import write_images


def run_all(job):
    begin_transform(job)
    results = [transform_shard(job, shard) for shard in range(job.plan.shards)]
    return sum(results[1:], results[0])


def image_rows(job, folder):
    keys = [sample for shard in range(job.plan.shards) for sample in job.part(shard, ["key"])["key"].to_pylist()]
    images = [np.asarray(Image.open(folder / key), dtype=np.float64) / 255 for key in keys]
    return np.array([naive.dwt_row(image, "haar", "periodization", 2) for image in images])


def test_coefficients_moments_and_product_are_right(make_job, class_folders):
    job = make_job(class_folders, shard_size=4096, rank=4, solver="krylov")
    assert job.plan.shards == 5
    result = run_all(job)
    expected = image_rows(job, class_folders)
    np.testing.assert_allclose(open_array(job.paths.coefficients)[:], expected, atol=1e-6)
    assert result.moments.rows == 24
    shifted = expected - load_npy(job.paths.work.shift)
    np.testing.assert_allclose(result.moments.column_sum, shifted.sum(axis=0), atol=1e-5)
    assert result.moments.column_squares.sum() == pytest.approx((shifted**2).sum(), rel=1e-6)
    share = shifted.T @ (shifted @ load_npy(job.paths.work.block(0)))
    np.testing.assert_allclose(result.share, share, rtol=1e-4, atol=1e-3)
    finish_transform(job, result)
    centred = expected - expected.mean(axis=0)
    np.testing.assert_allclose(
        load_npy(job.paths.work.product(0)),
        centred.T @ (centred @ load_npy(job.paths.work.block(0))),
        rtol=1e-4,
        atol=1e-3,
    )


def test_a_second_run_transforms_nothing_again(make_job, class_folders, monkeypatch):
    first = run_all(make_job(class_folders, shard_size=4096))

    def fail(*_):
        raise AssertionError

    monkeypatch.setattr(module, "transformed_blocks", fail)
    again = run_all(make_job(class_folders, shard_size=4096))
    assert np.array_equal(first.share, again.share)


def test_bad_images_are_quarantined_by_name(make_job, class_folders):
    (class_folders / "cat" / "001.png").write_bytes(b"")
    (class_folders / "dog" / "002.png").write_bytes((class_folders / "dog" / "002.png").read_bytes()[:90])
    job = make_job(class_folders, shard_size=4096, max_bad_fraction=0.1)
    result = run_all(job)
    parts = [row for shard in range(job.plan.shards) for row in job.part(shard, ["row", "key", "reason"]).to_pylist()]
    bad = {row["key"]: row["reason"] for row in parts if row["reason"]}
    assert bad == {"cat/001.png": "empty", "dog/002.png": "truncated"}
    assert result.moments.rows == 22
    rows = open_array(job.paths.coefficients)[:]
    assert np.isnan(rows).all(axis=1).nonzero()[0].tolist() == [row["row"] for row in parts if row["reason"]]
    assert np.isfinite(result.share).all()
    finish_transform(job, result)


def test_too_many_bad_images_stop_the_run(make_job, class_folders):
    path = class_folders / "cat" / "001.png"
    path.write_bytes(path.read_bytes()[:90])
    job = make_job(class_folders)
    with pytest.raises(EigenwaveError, match=r"1 of 24 images cannot be used \(1 truncated; cat/001.png: .*\); repair"):
        run_all(job)
    assert not job.paths.work.part(0).exists()


def test_bad_images_of_several_shards_stop_the_run_together(make_job, class_folders):
    for name in ("cat", "dog"):
        path = class_folders / name / "001.png"
        path.write_bytes(path.read_bytes()[:90])
    job = make_job(class_folders, shard_size=4096, max_bad_fraction=0.05)
    result = run_all(job)
    with pytest.raises(EigenwaveError, match=r"2 of 24 images cannot be used \(2 truncated; cat/001.png: "):
        finish_transform(job, result)
    assert not job.paths.work.product(0).exists()


def test_repeated_images_are_counted_or_refused(make_job, class_folders):
    content = (class_folders / "cat" / "001.png").read_bytes()
    for name in ("cat/002.png", "dog/002.png"):
        (class_folders / name).write_bytes(content)
    job = make_job(class_folders)
    finish_transform(job, run_all(job))
    assert (read_totals(job).repeated, read_totals(job).conflicting) == (2, 1)
    job = make_job(class_folders, duplicates="refuse")
    with pytest.raises(EigenwaveError, match=r"2 images of .* repeat others, 1 of them under another class"):
        finish_transform(job, run_all(job))


def test_an_image_that_changes_meanwhile_stops_the_run(make_job, class_folders, monkeypatch):
    job, samples = make_job(class_folders), open_source(str(class_folders)).samples()
    begin_transform(job)
    monkeypatch.setattr(module, "digest_images", lambda *_: Digested(np.full_like(unread(samples), 7), None))
    with pytest.raises(EigenwaveError, match=r"cat/000.png of .* changed during the run"):
        transform_shard(job, 0)


def test_images_that_are_too_many_to_keep_are_read_again(make_job, class_folders, monkeypatch, tmp_path):
    job = make_job(class_folders)
    expected = run_all(job)
    monkeypatch.setattr(read_images, "KEPT_BYTES", 1000)
    source = open_source(str(class_folders))
    samples = source.samples()
    assert digest_images(source, samples, unread(samples)).payloads is None
    shutil.rmtree(tmp_path / "workspace")
    assert np.array_equal(run_all(make_job(class_folders)).share, expected.share)


def test_constant_images_are_refused(make_job, class_folders):
    for path in class_folders.rglob("*.png"):
        Image.new("RGB", (8, 8), (7, 7, 7)).save(path)
    job = make_job(class_folders)
    result = run_all(job)
    with pytest.raises(EigenwaveError, match="are the same"):
        finish_transform(job, result)


def test_too_few_good_images_for_the_rank(make_job, class_folders):
    (class_folders / "cat" / "001.png").write_bytes(b"")
    job = make_job(class_folders, rank=23, max_bad_fraction=0.1)
    result = run_all(job)
    with pytest.raises(EigenwaveError, match="Only 23 of the images to fit on are valid, too few for --rank 23"):
        finish_transform(job, result)


def test_the_part_names_its_shard(make_job, class_folders):
    job = make_job(class_folders)
    run_all(job)
    marker = find_shard(job.workspace, metadata_of(read_batch(job.paths.work.part(0)), "shard_key"))
    assert marker.rows == 24


@pytest.mark.parametrize("solver", ["krylov", "gram"])
def test_float16_is_half_the_bytes_and_float32_to_all_that_read(make_job, class_folders, solver):
    exact = run_all(make_job(class_folders, shard_size=4096, rank=4, solver=solver))
    job = make_job(class_folders, shard_size=4096, rank=4, solver=solver, dtype="float16")
    result = run_all(job)
    stored = open_array(job.paths.coefficients)
    assert stored.dtype == np.float16
    assert job.plan.coefficient_bytes == job.plan.shards * job.plan.rows_per_shard * job.plan.coefficients * 2
    assert chunk_path(job.paths.coefficients, 0).size() == job.plan.rows_per_shard * job.plan.coefficients * 2 + 4
    rows = np.concatenate([load_shard(job, shard) for shard in range(job.plan.shards)])
    assert rows.dtype == np.float32
    assert np.array_equal(rows, stored[:].astype(np.float32))
    np.testing.assert_allclose(rows, image_rows(job, class_folders), atol=2e-3)
    # The first pass sees what later passes will read, not what was rounded.
    away = rows.astype(np.float64) - load_npy(job.paths.work.shift)
    np.testing.assert_allclose(result.moments.column_sum, away.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(result.moments.column_sum, exact.moments.column_sum, atol=5e-2)


def test_what_float16_cannot_hold_is_refused(make_job, class_folders):
    job = make_job(class_folders, dtype="float16", weights="LL=1000000")
    begin_transform(job)
    with pytest.raises(EigenwaveError, match="too large for float16: set --dtype float32 or smaller --weights"):
        transform_shard(job, 0)


def test_every_setting_of_the_space_makes_other_shards(make_job, class_folders):
    keys = set()
    choices = [
        {}, {"level": 1}, {"level": 1, "wavelet": "db2"}, {"mode": "zero"}, {"transform": "modulus"},
        {"colour": "gray"},
        {"bands": "LL"}, {"weights": "LL=2"}, {"threshold": 1}, {"dtype": "float16"}, {"size": 8},
        {"size": 8, "fit": "pad"},
    ]  # fmt: skip
    for choice in choices:
        job = make_job(class_folders, **choice)
        run_all(job)
        keys.add(metadata_of(read_batch(job.paths.work.part(0)), "shard_key"))
    assert len(keys) == len(choices)


@pytest.mark.parametrize("plain", [True, False])
def test_other_rules_for_damaged_files_make_other_shards_of_image_files_only(
    make_job, class_folders, tmp_path, monkeypatch, plain
):
    folder = class_folders
    if plain:
        folder = tmp_path / "arrays"
        folder.mkdir()
        np.save(folder / "images.npy", np.random.default_rng(0).integers(0, 256, (24, 8, 8), np.uint8))
        np.save(folder / "labels.npy", np.arange(24) % 2)
    keys = set()
    for strictness in (1, 2):
        monkeypatch.setattr(recipe, "STRICTNESS", strictness)
        job = make_job(folder)
        run_all(job)
        keys.add(metadata_of(read_batch(job.paths.work.part(0)), "shard_key"))
    assert len(keys) == (1 if plain else 2)


def test_an_image_that_there_is_no_memory_for_is_named_and_not_set_aside(make_job, class_folders):
    job = replace(make_job(class_folders, size=8), most_pixels=63)
    with pytest.raises(EigenwaveError, match=r"The image cat/000.png of .* has 8 x 8 pixels, more than 63, for which"):
        module.bring_shard(job, 0)
    assert f"{job.form}" == f"{replace(job, most_pixels=64).form}"  # shards are found whatever the memory
    module.bring_shard(replace(job, most_pixels=64), 0)


def test_harmless_oddities_are_counted_once_for_the_run(make_job, tmp_path):
    source = write_images(tmp_path / "data", suffix=".jpg", shape=(16, 16, 3))
    for name in ("cat/000.jpg", "dog/003.jpg"):
        payload = (source / name).read_bytes()
        scan = payload.rindex(b"\xff\xda")
        (source / name).write_bytes(payload[:scan] + bytes(7) + payload[scan:])
    job = make_job(source, shard_size=2**15)
    assert job.plan.shards > 1
    finish_transform(job, run_all(job))
    assert read_totals(job).notes == {"JPEG with padding": 2}


def test_a_colour_image_among_gray_ones_is_set_aside_if_the_plan_did_not_see_it(make_job, tmp_path, monkeypatch):
    folder = write_images(tmp_path / "gray", shape=(8, 8), count=12)
    red = ("cat/red.png", "dog/red.jpg", "dog/red.bmp")
    for name in red:
        Image.new("RGB", (8, 8), "red").save(folder / name)
    monkeypatch.setattr(source_module, "PROBED", 1)
    monkeypatch.setattr(source_module, "PROBED_GRAY", 2)
    job = make_job(folder, max_bad_fraction=0.5)
    assert job.plan.channels == 1
    run_all(job)
    rejected = {row["key"]: row for row in job.part(0, ["key", "reason", "detail"]).to_pylist() if row["reason"]}
    assert rejected.keys() == set(red)
    assert {(row["reason"], row["detail"]) for row in rejected.values()} == {
        ("colour", "its mode is RGB, but the images that the plan looked at are gray")
    }
