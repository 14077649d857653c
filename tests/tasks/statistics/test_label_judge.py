import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tasks.statistics import label_judge
from tasks.statistics.calibration import normalized
from tasks.statistics.label_judge import EVERY, METHODS, LabelJudge, Sample, judge_of_part, kept_classes, parts_of
from tasks.statistics.sums import flattened, unflattened
from tests.scores import moments_of, varying
from tests.strategies import labelled_scores, seeds


def of(scores, labels, classes):
    """A judge fitted to images and calibrated by them."""
    return LabelJudge.of(moments_of(scores, labels, classes), scores, labels, entered=True)


def log_probabilities(judge, scores, labels, entered):
    return np.concatenate([logs for _, logs in judge.judge(scores, labels, entered)], axis=1)


def planted(seed=7, n=4000, wrong=0.05):
    """Scores of four classes that differ, labels of which a part is wrong, and which are."""
    scores, labels = varying(seed, n=n)
    random = np.random.default_rng(seed + 1)
    scores = scores + 3 * random.standard_normal((4, 5))[labels]
    flipped = random.random(n) < wrong
    return scores, np.where(flipped, (labels + 1 + random.integers(0, 3, n)) % 4, labels), flipped


def test_planted_wrong_labels_are_the_least_probable():
    scores, labels, flipped = planted()
    logs = log_probabilities(of(scores, labels, 4), scores, labels, np.ones(4000, bool))
    for judged in logs:
        assert roc_auc_score(flipped, -judged[np.arange(4000), labels]) > 0.95
    own = logs[2, np.arange(4000), labels]
    assert flipped[np.argsort(own)[:40]].mean() > 0.95


@pytest.mark.parametrize("wrong", [0.02, 0.3])
def test_probabilities_are_right_as_often_as_they_say(wrong):
    scores, labels, _ = planted(n=20_000, wrong=wrong)
    judge = of(scores[:10_000], labels[:10_000], 4)
    logs = log_probabilities(judge, scores[10_000:], labels[10_000:], np.zeros(10_000, bool))
    np.testing.assert_allclose(np.exp(logs).sum(axis=2), 1)
    named = logs[2].argmax(axis=1)
    assert np.exp(logs[2].max(axis=1)).mean() == pytest.approx((named == labels[10_000:]).mean(), abs=0.06)


def test_the_product_has_no_more_log_loss_than_either():
    scores, labels, _ = planted()
    own = log_probabilities(of(scores, labels, 4), scores, labels, np.ones(4000, bool))[:, np.arange(4000), labels]
    losses = dict(zip(METHODS, -own.mean(axis=1), strict=True))
    assert losses["product"] <= min(losses["ridge"], losses["quadratic"]) + 1e-6


@given(labelled_scores(), st.booleans())
@settings(max_examples=30, deadline=None)
def test_every_image_gets_probabilities_or_none(case, entered):
    """Also classes without images and of one image, and few images for many patterns."""
    scores, labels, classes = case
    exact = scores.astype(np.float64)
    logs = log_probabilities(of(exact, labels, classes), exact, labels, np.full(len(labels), entered))
    assert not np.isnan(logs).any()
    np.testing.assert_allclose(np.exp(logs).sum(axis=2), 1)
    counts = np.bincount(labels, minlength=classes)
    assert (logs[2][:, counts == 0] == -np.inf).all()
    own = logs[2, np.arange(len(labels)), labels]
    assert np.array_equal(own > -np.inf, (counts[labels] > 1) | ~np.full(len(labels), entered))


def test_an_image_farther_from_its_class_is_more_suspicious():
    """Monotone: moving an image from its class mean to another's lowers the probability of its label at each step."""
    scores, labels, _ = planted(wrong=0)
    judge = of(scores, labels, 4)
    means = np.stack([scores[labels == label].mean(axis=0) for label in range(4)])
    steps = np.linspace(0, 1, 11)[:, None]
    for label in range(4):
        for other in set(range(4)) - {label}:
            path = (1 - steps) * means[label] + steps * means[other]
            logs = log_probabilities(judge, path, np.full(11, label), np.zeros(11, bool))[2]
            gap = logs[:, label] - logs[:, other]
            assert (np.diff(gap) < 0).all()


def test_blocks_and_saving_change_nothing(monkeypatch):
    scores, labels, _ = planted()
    judge = unflattened(LabelJudge, flattened(of(scores, labels, 4)))
    given_images = scores[:500], labels[:500], np.arange(500) % 2 == 0
    whole = log_probabilities(judge, *given_images)
    monkeypatch.setattr(label_judge, "PRODUCT_SIZE", 100)
    np.testing.assert_allclose(log_probabilities(judge, *given_images), whole, rtol=1e-5, atol=1e-5)


@given(seeds, st.data())
@settings(max_examples=20, deadline=None)
def test_a_sample_is_the_same_however_it_is_merged(seed, data):
    random = np.random.default_rng(seed)
    n = 200
    keys = random.permutation(n).astype(np.uint64)
    scores, labels, part = (
        random.standard_normal((n, 3)).astype(np.float32),
        random.integers(0, 4, n),
        random.integers(0, 3, n),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_judge, "SAMPLE", 20)
        cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=4)))
        pieces = [
            Sample.of(keys[some], scores[some], labels[some], part[some]) for some in np.split(np.arange(n), cuts)
        ]
        merged = pieces[0]
        for piece in pieces[1:]:
            merged = piece + merged
        for one in range(3):
            expected = np.sort(keys[part == one])[:20]
            assert merged.keys[merged.part == one].tolist() == expected.tolist()
        found = np.argsort(keys)[merged.keys.astype(int)]
        np.testing.assert_array_equal(merged.scores, scores[found])
        np.testing.assert_array_equal(merged.labels, labels[found])
        patch.setattr(label_judge, "SAMPLE_SIZE", 40)
        taken, known = merged.take([0, 2], 4)
        assert taken.shape == (10, 3)
        assert known.tolist() == merged.labels[merged.part != 1][:10].tolist()


@pytest.mark.parametrize(
    ("grouped", "other_split", "judges"),
    [(True, True, [0, 1, 2]), (True, False, [0, 1, 2]), (False, True, [2] * 3), (False, False, [EVERY] * 3)],
)
def test_which_judge_judges_which_part(grouped, other_split, judges):
    assert judge_of_part(grouped=grouped, other_split=other_split) == judges
    fitted_on = [parts_of(judge, other_split=other_split) for judge in (0, 1, 2, EVERY)]
    assert fitted_on == ([[1], [0], [0, 1], [0, 1]] if other_split else [[1, 2], [0, 2], [0, 1], [0, 1, 2]])


def test_all_probabilities_are_kept_or_the_five_largest():
    random = np.random.default_rng(3)
    few, many = normalized(random.standard_normal((4, 100))), normalized(random.standard_normal((7, 101)))
    assert (kept_classes(few) == np.arange(100)).all()
    assert (kept_classes(many) == np.argsort(-many, axis=1)[:, :5]).all()
    assert kept_classes(few[:0]).shape == (0, 100)
    assert kept_classes(many[:0]).shape == (0, 5)


def test_a_thousand_classes_are_judged_within_a_block(monkeypatch):
    random = np.random.default_rng(4)
    labels = np.repeat(np.arange(1000), 3)
    scores = 5 * random.standard_normal((1000, 8))[labels] + random.standard_normal((3000, 8))
    flipped = np.arange(0, 3000, 100)
    given_labels = labels.copy()
    given_labels[flipped] = (labels[flipped] + 500) % 1000
    moments = moments_of(scores, given_labels, 1000)
    monkeypatch.setattr(label_judge, "SAMPLE_SIZE", 100_000)
    sample = Sample.of(random.permutation(3000).astype(np.uint64), scores, given_labels, np.zeros(3000, int))
    assert len(sample.take([0], 1000)[1]) == 100
    judge = LabelJudge.of(moments, *sample.take([0], 1000), entered=True)
    logs = log_probabilities(judge, scores, given_labels, np.ones(3000, bool))[2]
    own = logs[np.arange(3000), given_labels]
    assert np.isin(flipped, np.argsort(own)[:200]).mean() > 0.9
