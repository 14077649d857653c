"""The images that suspects resemble, against naive distances between the stored scores."""

import numpy as np

from tasks.associate import similar
from tests.datasets import smooth_images, write_images
from tests.runs import analyse


def test_a_suspect_resembles_the_nearest_image_that_is_right(tmp_path):
    smooth_images(tmp_path / "data" / "train", count=60)
    smooth_images(tmp_path / "data" / "test", count=30, seed=1)
    run = analyse(tmp_path / "data", tmp_path / "workspace", rank=6, judge_space="none", shard_size=2**15)
    samples, suspects = run.tables["samples"].to_pandas(), run.tables["suspects"].to_pandas()
    assert run.manifest.plan["shards"] > 1
    assert len(suspects) > 10
    scores = run.scores[:].astype(np.float64)
    scores /= scores.std(axis=0)
    right = samples[samples.class_id == samples.likely_class_id]
    for suspect in suspects.itertuples():
        there = right.index[right.class_id == suspect.likely_class_id]
        nearest = there[np.square(scores[there] - scores[suspect.row]).sum(axis=1).argmin()]
        assert (suspect.similar_row, suspect.similar_key) == (samples.row[nearest], samples.key[nearest])


def test_without_a_right_image_of_the_class_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(similar, "_right", lambda job, shard: np.full(len(job.plan.rows(shard)), -1))
    smooth_images(tmp_path / "data", count=20)
    run = analyse(tmp_path / "data", tmp_path / "workspace", report=True, rank=3, judge_space="none")
    suspects = run.tables["suspects"]
    assert suspects["similar_row"].null_count == suspects["similar_key"].null_count == len(suspects) > 0
    assert "most alike" not in (run.paths.folder / "report.html").read_bytes().decode()


def test_without_suspects_nothing_is_looked_for(tmp_path):
    write_images(tmp_path / "data", count=15)
    run = analyse(tmp_path / "data", tmp_path / "workspace", rank=3)
    assert len(run.tables["suspects"]) == 0
