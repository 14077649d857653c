"""Associations of a whole run with numbers and dates, against scikit-learn and SciPy on its stored scores."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression, Ridge

from storage.errors import InputError
from storage.formats.keyed_table import read_keyed_table
from tasks.columns.ask import associate_columns
from tasks.columns.images import RunImages, Sides
from tasks.columns.numbers import as_numbers
from tasks.statistics.association import q_values
from tasks.statistics.ridge import PENALTIES
from tests.runs import SMALL, analyse


def ask(run, values, tmp_path, name="value"):
    """Ask about values of all rows, given by key."""
    path = tmp_path / "table.parquet"
    pd.DataFrame({"key": run.tables["samples"]["key"].to_pylist(), name: values}).to_parquet(path)
    (found,) = associate_columns(run, [name], read_keyed_table(path))
    return {each: table.to_pandas() for each, table in found.tables.items()}


@pytest.fixture(scope="module")
def planted(run):
    """A number for each row that goes with the first pattern, and is missing for every seventh."""
    scores = run.scores[:].astype(np.float64)
    values = 3 + scores[:, 0] / scores[:, 0].std() + np.random.default_rng(0).standard_normal(len(scores))
    return np.where(np.arange(len(values)) % 7 == 0, np.nan, values)


def test_the_numbers_are_those_of_naive_code(run, planted, tmp_path):
    found = ask(run, planted, tmp_path)
    row, patterns = found["column_summary"].iloc[0], found["column_patterns"]
    train = np.array(run.tables["samples"]["split"].to_pylist()) == "train"
    used = train & np.isfinite(planted)
    scores, values = run.scores[:].astype(np.float64)[used], planted[used]
    assert (row.kind, row.images, row["values"]) == ("number", used.sum(), used.sum())
    assert row.missing == np.isnan(planted).sum()
    expected = LinearRegression().fit(scores, values).score(scores, values)
    assert row.learnability == pytest.approx(expected)
    n, rank = scores.shape
    assert row.learnability_adjusted == pytest.approx(1 - (1 - expected) * (n - 1) / (n - 1 - rank))
    assert row.ci_low < row.learnability_adjusted < row.ci_high
    tested = [stats.pearsonr(scores[:, pattern], values) for pattern in range(rank)]
    np.testing.assert_allclose(patterns.correlation, [one.statistic for one in tested])
    np.testing.assert_allclose(patterns.p_value, [one.pvalue for one in tested], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(patterns.q_value, q_values(patterns.p_value.to_numpy()))
    assert row.significant_patterns == (patterns.q_value < 0.05).sum()
    assert patterns.association_rank[0] == 0
    assert abs(patterns.correlation[0]) > 0.5 > patterns.null_correlation_max.max()


def test_unseen_images_are_judged_by_ridge_regression_of_the_others(run, planted, tmp_path):
    found = ask(run, planted, tmp_path)
    row, held_out = found["column_summary"].iloc[0], found["column_held_out"].iloc[0]
    images = RunImages.of(run)
    sides = Sides.of(images, np.where(np.isnan(planted), -1, np.arange(len(planted))), seen=False)
    scores = run.judging_scores[:].astype(np.float64)
    learned, judged = sides.learned, sides.judged
    assert (held_out.learned, held_out.judged) == (learned.sum(), judged.sum())
    assert not (learned & judged).any()
    centred = scores[learned] - scores[learned].mean(axis=0)
    largest, mean = np.linalg.eigvalsh(centred.T @ centred)[-1], planted[learned].mean()
    fits = [
        Ridge(alpha=penalty * largest, solver="cholesky").fit(scores[learned], planted[learned])
        for penalty in PENALTIES
    ]
    reference = ((planted[judged] - mean) ** 2).sum()
    possible = [1 - ((planted[judged] - fit.predict(scores[judged])) ** 2).sum() / reference for fit in fits]
    assert np.abs(np.array(possible) - row.held_out).min() < 1e-5
    assert row.held_out == held_out.r_squared > 0.2
    assert row.held_out_shuffled < 0.1
    assert row.held_out_p_value == row.p_value == pytest.approx(1 / 6)  # no shuffle of five is as good


def test_numbers_that_have_nothing_to_do_with_the_images(run, tmp_path):
    found = ask(run, np.random.default_rng(3).standard_normal(300), tmp_path)
    row = found["column_summary"].iloc[0]
    assert row.held_out < 0.1
    assert row.learnability < 0.2
    assert row.ci_low < 0


def test_unit_and_origin_do_not_matter_and_dates_are_days(run, planted, tmp_path):
    days = np.round(np.nan_to_num(planted) * 100)
    there = np.isfinite(planted)
    dates = [
        dt.date(2020, 1, 1) + dt.timedelta(int(day)) if known else None for day, known in zip(days, there, strict=True)
    ]
    first, second = ask(run, np.where(there, days, np.nan), tmp_path), ask(run, dates, tmp_path)
    one, other = first["column_summary"].iloc[0], second["column_summary"].iloc[0]
    assert (one.kind, other.kind) == ("number", "date")
    for name in ("learnability", "learnability_shuffled", "held_out", "images", "missing", "values"):
        assert one[name] == pytest.approx(other[name], rel=1e-9)
    np.testing.assert_allclose(first["column_patterns"].p_value, second["column_patterns"].p_value)


def test_times_keep_the_part_of_the_day():
    noon = dt.datetime(1970, 1, 3, 12, tzinfo=dt.timezone(dt.timedelta(hours=6)))
    assert as_numbers(pa.array([noon, None], pa.timestamp("ms", "Asia/Dhaka")))[0] == 2.25
    assert as_numbers(pa.array([dt.date(1970, 1, 3)])).tolist() == [2.0]
    assert as_numbers(pa.array([dt.datetime(1969, 12, 31, 18)], pa.timestamp("ns"))).tolist() == [-0.25]  # noqa: DTZ001
    assert np.isnan(as_numbers(pa.array([3, None])))[1]


def test_properties_of_images_are_numbers(run):
    found = {each.column: each.tables for each in associate_columns(run, ["brightness", "contrast", "sharpness"])}
    row = found["brightness"]["column_summary"].to_pylist()[0]
    assert (row["source"], row["kind"], row["missing"]) == ("property", "number", 0)
    assert row["held_out"] > 0.8
    brightness = run.tables["properties"].to_pandas().set_index("row").brightness
    train = np.array(run.tables["samples"]["split"].to_pylist()) == "train"
    scores = run.scores[:].astype(np.float64)[train]
    expected = LinearRegression().fit(scores, brightness[train]).score(scores, brightness[train])
    assert row["learnability"] == pytest.approx(expected, rel=1e-6)


def test_a_constant_number_is_refused(run, tmp_path):
    with pytest.raises(InputError, match="'value' has only one value in the fitted images, so there is nothing to com"):
        ask(run, np.full(300, 0.1), tmp_path)
    train = np.array(run.tables["samples"]["split"].to_pylist()) == "train"
    with pytest.raises(InputError, match="'value' has no value for the images that patterns are fitted on"):
        ask(run, np.where(train, np.nan, np.arange(300) / 3), tmp_path)


def test_images_of_groups_are_tested_together(data, tmp_path):
    run = analyse(data, tmp_path, **SMALL | {"rank": 4, "permutations": 5, "scales": False, "group": r"(.*)\d\.png"})
    groups = np.unique([key[:-5] for key in run.tables["samples"]["key"].to_pylist()], return_inverse=True)[1]
    found = ask(run, np.random.default_rng(0).standard_normal(groups.max() + 1)[groups], tmp_path)
    row, patterns = found["column_summary"].iloc[0], found["column_patterns"]
    assert np.isnan(row.ci_low)
    assert patterns.p_value.isna().all()  # 18 groups are too few for a test
    assert found["column_held_out"].judged_units[0] < found["column_held_out"].judged[0]
