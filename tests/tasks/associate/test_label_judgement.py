"""The judgement of labels through whole runs, against refitting on the scores that the runs have stored."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tests.datasets import smooth_images
from tests.runs import analyse, results

SETTINGS = {"rank": 6, "judge_space": "none", "shard_size": 2**15, "permutations": 2, "scales": False}


def judged(run):
    """Samples with the probabilities of all classes beside them, by row."""
    samples = run.tables["samples"].to_pandas().set_index("row")
    return samples.join(run.tables["probabilities"].to_pandas().set_index("row")[["class_ids", "probabilities"]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three classes in train/ and test/, of which some train images are repeated or copied to test/."""
    data = tmp_path_factory.mktemp("labels") / "data"
    smooth_images(data / "train", count=60)
    smooth_images(data / "test", count=30, seed=1)
    train, test = data / "train", data / "test"
    for number in range(4):
        source = train / "a" / f"{number:04d}.png"
        shutil.copy(source, train / "a" / f"again{number}.png")
        shutil.copy(source, test / "a" / f"copied{number}.png")
        shutil.copy(source, test / "b" / f"relabelled{number}.png")
    for number in range(10, 16):
        (train / "c" / f"{number:04d}.png").rename(train / "a" / f"wrong{number}.png")
    return data


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    return analyse(folder, tmp_path_factory.mktemp("workspace"), **SETTINGS)


def test_suspicion_follows_from_the_probabilities(run):
    samples = judged(run)
    assert samples.label_suspicion.between(0, 1).all()
    every = np.stack(samples.probabilities).astype(float)
    assert every.shape == (len(samples), 3)
    assert (np.stack(samples.class_ids) == np.arange(3)).all()
    np.testing.assert_allclose(every.sum(axis=1), 1, atol=2e-3)
    rows = np.arange(len(samples))
    np.testing.assert_allclose(1 - every[rows, samples.class_id], samples.label_suspicion, atol=1e-3)
    np.testing.assert_allclose(every[rows, samples.likely_class_id], samples.suggested_probability, atol=1e-3)
    assert (every.max(axis=1) <= every[rows, samples.likely_class_id] + 1e-3).all()


def test_wrong_labels_come_first(run):
    samples = judged(run)
    train = samples[samples.split == "train"].sort_values("label_suspicion", ascending=False)
    assert train.key[:6].str.contains("wrong").sum() >= 4
    assert (train[train.key.str.contains("wrong")].likely_class_id == 2).sum() >= 4


def test_copies_are_judged_as_their_twins(run):
    samples = judged(run).set_index("key")
    for number in range(4):
        own = samples.label_suspicion[f"train/a/{number:04d}.png"]
        assert samples.label_suspicion[f"train/a/again{number}.png"] == pytest.approx(own, rel=1e-6)
        assert samples.label_suspicion[f"test/a/copied{number}.png"] == pytest.approx(own, rel=1e-6)
        # With another label its twin was learned from, so this is more suspicious than the twin says.
        relabelled = samples.loc[f"test/b/relabelled{number}.png"]
        assert relabelled.label_suspicion >= 1 - samples.probabilities[f"train/a/{number:04d}.png"][1] - 1e-3


def test_held_out_images_are_judged_by_the_others_alone(run, folder, tmp_path):
    """Other labels of test images change nothing about images but their own suspicion."""
    changed = shutil.copytree(folder, tmp_path / "data")
    for number in range(20):
        (changed / "test" / "b" / f"{number:04d}.png").rename(changed / "test" / "c" / f"moved{number}.png")
    again = judged(analyse(changed, tmp_path / "workspace", **SETTINGS)).set_index("key")
    before = judged(run).set_index("key")
    fitted = before.index[before.split == "train"]
    np.testing.assert_allclose(again.label_suspicion[fitted], before.label_suspicion[fitted], rtol=1e-5)
    for number in range(20):
        mine = again.loc[f"test/c/moved{number}.png"], before.loc[f"test/b/{number:04d}.png"]
        np.testing.assert_allclose(mine[0].probabilities, mine[1].probabilities, atol=1e-3)


def test_the_judges_held_out_accuracy_is_that_of_the_samples(run):
    samples, judges = judged(run), run.tables["judges"].to_pandas()
    known = samples[(samples.split == "test") & ~samples.key.str.contains("copied|relabelled")]
    assert judges.method.tolist() == ["ridge", "quadratic", "product"]
    assert judges.judged.tolist() == [len(known)] * 3
    assert judges.learned.tolist() == [180] * 3
    product = judges.iloc[2]
    assert product.accuracy == pytest.approx((known.likely_class_id == known.class_id).mean(), abs=1e-9)
    assert product.log_loss == pytest.approx(-np.log1p(-known.label_suspicion).mean(), rel=1e-6)
    assert judges.weight[0] + judges.weight[1] == 1
    assert judges.prior.notna().tolist() == [False, True, False]


@pytest.mark.parametrize("grouped", [True, False])
def test_groups_are_judged_without_their_part(tmp_path, grouped):
    """Scenes of four nearly equal frames, with random labels: their own frames excuse a label, other scenes do not."""
    random = np.random.default_rng(0)
    lines = ["path,label,scene"]
    for scene in range(60):
        picture, label = random.integers(40, 215, (8, 8)), random.integers(0, 2)
        for frame in range(4):
            pixels = (picture + random.integers(-4, 5, (8, 8))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{scene}-{frame}.png")
            lines.append(f"{scene}-{frame}.png,{label},{scene}")
    (tmp_path / "frames.csv").write_text("\n".join(lines))
    options = SETTINGS | {"rank": 40, "label_column": "label", "group": "scene" if grouped else None}
    samples = judged(analyse(tmp_path / "frames.csv", tmp_path / "workspace", **options))
    suspicion = samples.label_suspicion.mean()
    assert (suspicion > 0.45) if grouped else (suspicion < 0.2)


def test_a_class_of_one_image_has_no_judgement(tmp_path):
    smooth_images(tmp_path / "data", count=30)
    smooth_images(tmp_path / "data", count=1, seed=2, classes=("d",))
    samples = judged(analyse(tmp_path / "data", tmp_path / "workspace", **SETTINGS))
    alone = samples.class_id == 3
    assert samples.label_suspicion.isna().tolist() == alone.tolist()
    assert samples.likely_class_id.isna().tolist() == alone.tolist()
    assert np.stack(samples.probabilities[~alone]).shape == (90, 4)


def test_many_classes_keep_the_five_likeliest(tmp_path):
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(120), 4)
    pictures = random.integers(0, 255, (120, 8, 8))[labels] + random.integers(0, 40, (480, 8, 8))
    np.savez(tmp_path / "many.npz", images=pictures.clip(0, 255).astype(np.uint8), labels=labels)
    found = analyse(tmp_path / "many.npz", tmp_path / "workspace", **SETTINGS | {"rank": 12})
    probabilities = np.stack(found.tables["probabilities"].to_pandas().probabilities)
    assert probabilities.shape == (480, 5)
    assert (np.diff(probabilities) <= 0).all()
    suspects = found.tables["suspects"].to_pandas()
    assert (suspects.place.diff()[1:] == 1).all()
    assert (suspects.groupby("class_id").place_in_class.max() < suspects.groupby("class_id").size()).all()


def test_labels_are_judged_by_the_scores_of_the_judging_space(folder, tmp_path):
    found = analyse(folder, tmp_path / "workspace", **SETTINGS | {"judge_space": "modulus"})
    patterns = found.manifest.plan["judging_rank"]
    assert patterns > SETTINGS["rank"]
    assert found.tables["judges"]["patterns"].to_pylist() == [patterns] * 3


def test_the_same_bytes_come_from_any_cut_of_shards_alike(folder, run, tmp_path):
    """Two runs are the same to the bit; other shards change probabilities by rounding only."""
    again = analyse(folder, tmp_path / "one", run_id=run.manifest.run_id, **SETTINGS)
    tables = [{name: value for name, value in results(one).items() if "tables/" in str(name)} for one in (run, again)]
    assert tables[0] == tables[1]
    other = analyse(folder, tmp_path / "two", **SETTINGS | {"shard_size": 2**20})
    np.testing.assert_allclose(judged(other).label_suspicion, judged(run).label_suspicion, rtol=1e-3, atol=1e-6)
