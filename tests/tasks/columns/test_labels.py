"""Associations of a whole run with several labels an image, against scikit-learn on its stored scores."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import average_precision_score, roc_auc_score

from storage.errors import InputError
from storage.formats.keyed_table import read_keyed_table
from tasks.columns.ask import associate_columns
from tasks.columns.images import RunImages, Sides
from tasks.columns.label_lists import LabelLists
from tasks.columns.target_tables import mean_of
from tasks.statistics.ridge import PENALTIES

NAMES = ("edge", "blob", "coin", "rare")


def ask(run, lists, tmp_path):
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"key": run.tables["samples"]["key"], "labels": pa.array(lists)}), path)
    (found,) = associate_columns(run, ["labels"], read_keyed_table(path))
    return {each: table.to_pandas() for each, table in found.tables.items()}


@pytest.fixture(scope="module")
def has(run):
    """Whether each row has each label: two that go with a pattern each, one at random, and a rare one."""
    random, scores = np.random.default_rng(0), run.scores[:].astype(np.float64)
    places = scores[:, :2] / scores[:, :2].std(axis=0)
    found = np.zeros((len(scores), 4), bool)
    found[:, :2] = places + 0.5 * random.standard_normal(places.shape) > 0.5
    found[:, 2], found[:3, 3] = random.random(len(scores)) < 0.3, True
    return found


@pytest.fixture(scope="module")
def lists(has):
    """The same as lists; every ninth image has none."""
    return [
        None if number % 9 == 0 else [name for name, given in zip(NAMES, row, strict=True) if given]
        for number, row in enumerate(has)
    ]


def test_each_label_is_a_question_of_its_own(run, has, lists, tmp_path):
    found = ask(run, lists, tmp_path)
    row, values = found["column_summary"].iloc[0], found["column_values"].set_index("value")
    there = np.array([one is not None for one in lists])
    used = there & (np.array(run.tables["samples"]["split"].to_pylist()) == "train")
    scores = run.scores[:].astype(np.float64)[used]
    assert (row.kind, row.images, row["values"], row.missing) == ("labels", used.sum(), 4, (~there).sum())
    shares = []
    for number, name in enumerate(NAMES[:3]):
        own = has[used, number]
        shares.append(LinearRegression().fit(scores, own).score(scores, own))
        assert values.r_squared[name] == pytest.approx(shares[-1])
        first, second = scores[own], scores[~own]
        within = np.sqrt((len(first) * first.var(axis=0) + len(second) * second.var(axis=0)) / (len(own) - 2))
        effects = (first.mean(axis=0) - second.mean(axis=0)) / within
        np.testing.assert_allclose(values.cohens_d[name], effects[values.patterns[name]], rtol=1e-6)
        assert values.images[name] == own.sum()
    assert row.learnability == pytest.approx(np.mean(shares))
    assert values.loc["rare", ["r_squared", "area", "precision"]].isna().all()
    patterns = found["column_patterns"]
    assert patterns.top_value[:2].tolist() == ["edge", "blob"]
    correlation = np.corrcoef(scores[:, 0], has[used, 0])[0, 1]
    assert patterns.correlation[0] == pytest.approx(correlation)
    assert (patterns.q_value[:2] < 1e-6).all()


def test_unseen_images_are_ranked_by_ridge_regression_of_the_others(run, has, lists, tmp_path):
    found = ask(run, lists, tmp_path)
    values = found["column_values"].set_index("value")
    sides = Sides.of(RunImages.of(run), LabelLists.of(pa.array(lists)).codes, seen=False)
    scores = run.judging_scores[:].astype(np.float64)
    centred = scores[sides.learned] - scores[sides.learned].mean(axis=0)
    largest = np.linalg.eigvalsh(centred.T @ centred)[-1]
    for number, name in enumerate(NAMES[:3]):
        own, given = has[sides.judged, number], has[sides.learned, number]
        assert values.judged[name] == own.sum()
        areas, precisions = [], []
        for penalty in PENALTIES * largest:
            fits = (
                Ridge(alpha=penalty, solver="cholesky").fit(scores[sides.learned], given).predict(scores[sides.judged])
            )
            areas.append(roc_auc_score(own, fits))
            precisions.append(average_precision_score(own, fits))
        assert np.abs(np.array(areas) - values.area[name]).min() < 0.005
        assert np.abs(np.array(precisions) - values.average_precision[name]).min() < 0.02
    assert values.area["edge"] > max(0.7, values.shuffled_area["edge"])
    averages = found["column_averages"].set_index("average")
    for name in ("area", "average_precision", "precision", "accuracy"):
        assert averages.loc["macro", name] == pytest.approx(values.loc[list(NAMES[:3]), name].mean())
        assert 0 < averages.loc["micro", name] <= 1
    assert averages.labels.tolist() == [3, 3]
    row = found["column_summary"].iloc[0]
    assert (row.held_out, row.chance) == (pytest.approx(averages.area["macro"]), 0.5)
    assert row.held_out > row.held_out_shuffled


def test_lists_of_zeros_and_ones_are_the_same_question(run, has, lists, tmp_path):
    first = ask(run, lists, tmp_path)
    second = ask(run, [None if one is None else row.tolist() for one, row in zip(lists, has, strict=True)], tmp_path)
    mine, its = (table["column_values"].set_index("value") for table in (first, second))
    np.testing.assert_allclose(mine.area[list(NAMES)], its.area[["0", "1", "2", "3"]])
    assert first["column_summary"].held_out[0] == pytest.approx(second["column_summary"].held_out[0])


def test_a_label_that_is_too_rare_in_a_shuffle_is_left_out_of_its_mean():
    values = np.array([[0.2, 0.4, 9.0], [np.nan, 0.6, 9.0], [np.nan, np.nan, 9.0]])
    np.testing.assert_allclose(mean_of(values, np.array([True, True, False])), [0.3, 0.6, np.nan])


def test_lists_without_a_label_are_refused(run, tmp_path):
    with pytest.raises(InputError, match="All lists of the column 'labels' are empty; choose a column of lists with"):
        ask(run, pa.array([[]] * 300, pa.list_(pa.string())), tmp_path)


def test_labels_that_are_all_rare_have_no_numbers(run, tmp_path):
    found = ask(run, [[f"image {number}"] for number in range(300)], tmp_path)
    row = found["column_summary"].iloc[0]
    assert np.isnan([row.learnability, row.held_out, row.p_value]).all()
    assert found["column_values"].area.isna().all()
    assert found["column_patterns"].top_value.isna().all()
