import numpy as np
import pytest
from PIL import Image, ImageOps

from flows import stages
from storage.arrays.npy import load_npz
from storage.errors import EigenwaveError
from tasks.transform import mirrored
from tests.datasets import write_images
from tests.runs import analyse


def scores_of_mirrored(monkeypatch, folder, workspace, **settings):
    """Rows and scores of the sample that a run mirrors, of which one file is removed before; and the run."""
    found = {}

    def noted(job):
        (folder / "cat" / "003.png").unlink()
        mirrored.mirror_sample(job)
        found.update(load_npz(job.paths.work.mirrored))

    monkeypatch.setattr(stages, "mirror_sample", noted)
    run = analyse(folder, workspace, rank=12, judge_space="none", scales=False, permutations=1, **settings)
    return found["rows"], found["scores"], run


def test_a_run_whose_images_are_all_gone_says_so(tmp_path, monkeypatch):
    folder = write_images(tmp_path / "data", (8, 16, 3), count=12)

    def noted(job):
        for path in folder.rglob("*.png"):
            path.unlink()
        mirrored.mirror_sample(job)

    monkeypatch.setattr(stages, "mirror_sample", noted)
    with pytest.raises(
        EigenwaveError, match=r"None of 24 images of .*data can be read any more\. Once they are back, the"
    ):
        analyse(folder, tmp_path / "workspace", rank=4, scales=False, permutations=1)


@pytest.mark.parametrize("sampled", [17, 1024])
def test_scores_are_those_of_images_mirrored_by_hand(tmp_path, monkeypatch, sampled):
    monkeypatch.setattr(mirrored, "SAMPLED", sampled)
    folder = write_images(tmp_path / "data", (8, 16, 3), count=20)
    kept = (folder / "cat" / "003.png").read_bytes()
    rows, scores, run = scores_of_mirrored(monkeypatch, folder, tmp_path / "workspace", shard_size=2**15)
    (folder / "cat" / "003.png").write_bytes(kept)
    keys = run.tables["samples"]["key"].to_pylist()
    assert run.manifest.plan["shards"] > 1
    assert (np.diff(rows) > 0).all()
    assert keys.index("cat/003.png") not in rows.tolist()
    assert len(rows) in ((len(keys) - 1,) if sampled > len(keys) else (16, 17))
    # The patterns are orthonormal in pixels too, so scores are products of images.
    patterns = np.asarray(run.pattern_images[:], np.float64).reshape(12, -1)
    images = [np.asarray(Image.open(folder / key), np.float64) / 255 for key in keys]
    by_hand = [np.asarray(ImageOps.mirror(Image.open(folder / keys[row])), np.float64) / 255 for row in rows]
    expected = (np.stack(by_hand) - np.mean(images, axis=0)).reshape(len(rows), -1) @ patterns.T
    np.testing.assert_allclose(scores, expected, atol=1e-4)
