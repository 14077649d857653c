"""The table of the learning curve through whole runs, against the scores that the runs have stored."""

import shutil

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from tests.datasets import smooth_images
from tests.runs import analyse
from tests.tasks.inspect.planted import copy_nearly

SETTINGS = {"rank": 6, "judge_space": "none", "permutations": 2, "scales": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    data = tmp_path_factory.mktemp("curve") / "data"
    smooth_images(data / "train", count=80)
    smooth_images(data / "test", count=50, seed=1)
    return data


def test_the_curve_comes_from_what_a_run_learned(folder, tmp_path):
    run = analyse(folder, tmp_path, shard_size=2**15, **SETTINGS)
    curve, samples = run.tables["learning_curve"].to_pandas(), run.tables["samples"].to_pandas()
    assert curve.images.tolist() == [100, 200, 240, 480, 500, 1000, 2000, 5000, 10_000, 20_000]
    assert (curve.learned == 240).all()
    mine = (samples.split == "train").to_numpy()
    scores, labels = run.judging_scores[:][mine].astype(np.float64), samples.class_id[mine].to_numpy()
    explained = LinearRegression().fit(scores, np.eye(3)[labels]).score(scores, np.eye(3)[labels])
    # With many more images than patterns nothing is lost: R^2 comes to its value without bias, the adjusted one.
    assert curve.r_squared.iloc[-1] == pytest.approx(1 - (1 - explained) * 239 / (239 - 6), abs=2e-3)
    assert (np.diff(curve.r_squared) >= 0).all()
    assert (curve.shuffled_r_squared < curve.r_squared).all()
    measured = run.tables["judges"].to_pandas().set_index("method").accuracy["ridge"]
    assert curve.accuracy[curve.images == 240].item() == pytest.approx(measured, abs=1e-6)


def test_the_curve_of_grouped_images_is_unknown(folder, tmp_path):
    run = analyse(folder, tmp_path, group=r"(\d\d)\.png", **SETTINGS)
    curve = run.tables["learning_curve"].to_pandas()
    assert len(curve) > 0
    assert curve[["r_squared", "shuffled_r_squared", "accuracy"]].isna().all(axis=None)


def test_copies_of_images_learned_from_do_not_raise_the_curve(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "data")
    for number in range(40):
        copy_nearly(tmp_path / "data", f"train/a/{number:04d}.png", f"test/b/near{number}.png")
    run = analyse(tmp_path / "data", tmp_path / "workspace", **SETTINGS)
    ridge = run.tables["judges"].to_pandas().set_index("method").loc["ridge"]
    assert ridge.clean_judged < ridge.judged
    assert abs(ridge.clean_accuracy - ridge.accuracy) > 0.05
    curve = run.tables["learning_curve"].to_pandas()
    assert curve.accuracy[curve.images == 240].item() == pytest.approx(ridge.clean_accuracy, abs=1e-6)
