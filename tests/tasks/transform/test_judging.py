import numpy as np
import pytest
from PIL import Image

from storage.arrays.zarr import open_array
from storage.runs.shards import find_shard, shard_keys
from storage.tables.batches import read_batch
from tasks.run.state import load_judging_scores
from tasks.transform import shard as module
from tasks.transform.around import begin_transform
from tasks.transform.shard import transform_shard
from tests.datasets import smooth_images


def run_all(job):
    begin_transform(job)
    for shard in range(job.plan.shards):
        transform_shard(job, shard)
    return job


@pytest.mark.parametrize("shape", [(16, 16), (40, 36)])
def test_scores_are_those_of_the_images_on_patterns_of_the_sample(make_job, tmp_path, shape):
    folder = smooth_images(tmp_path / "data", shape, count=20)
    job = run_all(make_job(folder, shard_size=2**14))
    assert job.plan.shards > 1
    space, paths = job.judging_space, job.paths
    keys = [key for shard in range(job.plan.shards) for key in job.part(shard, ["key"])["key"].to_pylist()]
    images = np.stack([np.asarray(Image.open(folder / key), np.float32)[..., None] / 255 for key in keys])
    rows = space.forward(images).astype(np.float16).astype(np.float64)
    patterns, mean = open_array(paths.judging_patterns)[:].T, open_array(paths.judging_mean)[:]
    assert patterns.shape == (space.coefficients, job.plan.judging_rank)
    np.testing.assert_allclose(patterns.T @ patterns, np.eye(job.plan.judging_rank), atol=1e-5)
    scores = np.concatenate([load_judging_scores(job, shard) for shard in range(job.plan.shards)])
    np.testing.assert_allclose(scores, (rows - mean) @ patterns, atol=1e-3)
    # The sample has all images here, so the norms of scores are the singular values of all rows.
    exact = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    found = np.linalg.norm(scores - scores.mean(axis=0), axis=0)
    np.testing.assert_allclose(found, exact[: len(found)], rtol=1e-3)


def test_an_image_that_was_rejected_has_no_scores(make_job, class_folders):
    (class_folders / "cat" / "001.png").write_bytes(b"")
    job = run_all(make_job(class_folders, max_bad_fraction=0.1))
    bad = np.flatnonzero(job.part(0, ["reason"])["reason"].is_valid())
    assert bad.tolist() == np.flatnonzero(np.isnan(load_judging_scores(job, 0)[:, 0])).tolist()
    keys = shard_keys(read_batch(job.paths.work.part(0)))
    rejects = [find_shard(job.workspace, key).rejects for key in keys.values()]
    assert len(rejects) == 3
    assert rejects[0] == rejects[1] == rejects[2]


def test_labels_are_judged_by_the_scores_of_the_run_if_there_are_no_others(make_job, class_folders, monkeypatch):
    job = run_all(make_job(class_folders, judge_space="none"))
    assert "judging_shards" not in shard_keys(read_batch(job.paths.work.part(0)))
    assert not job.paths.judging_scores.exists()
    monkeypatch.setattr("tasks.run.state.load_scores", lambda *given: given)
    assert load_judging_scores(job, 0) == (job, 0)


def test_each_space_is_computed_only_where_it_is_missing(make_job, class_folders, monkeypatch):
    spaces = []
    blocks = module.transformed_blocks

    def watched(job, decode, payloads, count, outs):
        spaces.append([type(space).__name__ for space, _ in outs])
        return blocks(job, decode, payloads, count, outs)

    monkeypatch.setattr(module, "transformed_blocks", watched)
    run_all(make_job(class_folders, judge_space="none"))
    judged = run_all(make_job(class_folders, judge_space="modulus"))
    run_all(make_job(class_folders, level=1))
    assert spaces == [["PropertySpace", "CoefficientSpace"], ["ReducedSpace"], ["CoefficientSpace"]]
    key = shard_keys(read_batch(judged.paths.work.part(0)))["judging_shards"]
    before = judged.workspace.chunk(key).read_bytes()
    judged.workspace.chunk(key).unlink()
    run_all(make_job(class_folders, judge_space="modulus"))
    assert judged.workspace.chunk(key).read_bytes() == before
    assert spaces[3:] == [["ReducedSpace"]]
