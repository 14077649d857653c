"""Associations of whole runs with columns, against the run's own tables and naive code on its stored scores."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from storage.errors import InputError
from storage.formats.keyed_table import read_keyed_table
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.tables.parquet import read_table, table_writer
from storage.tables.schemas import ASSOCIATIONS
from tasks.columns.ask import ask_run, associate_columns
from tests import naive
from tests.runs import SMALL, analyse, contents
from tests.structure import ROOT


def tables(run, name, **options):
    (found,) = associate_columns(run, [name], **options)
    return {each: table.to_pandas() for each, table in found.tables.items()}


def same(one, other, names=None):
    for name in names or [each for each in one.columns if each in other.columns and each != "run_id"]:
        mine, its = (np.asarray(table[name]) for table in (one, other))
        if mine.dtype.kind in "fiu":
            np.testing.assert_allclose(mine.astype(float), its.astype(float), rtol=1e-9, atol=1e-12, err_msg=name)
        else:
            assert mine.tolist() == its.tolist(), name


def equals_the_classes(run, found):
    """Every number about a copy of the class column is that of the classes."""
    same(found["column_patterns"], run.tables["patterns"].to_pandas())
    assert found["column_patterns"].top_value.tolist() == run.tables["patterns"]["top_class"].to_pylist()
    row, classes = found["column_summary"].iloc[0], run.tables["learnability"].to_pandas().iloc[0]
    for mine, its in (
        *((name, name) for name in ("learnability", "learnability_adjusted", "learnability_cap", "ci_low", "ci_high")),
        *(("learnability_shuffled", "shuffled_mean"), ("learnability_shuffled_max", "shuffled_max")),
        *(("images", "n"), ("values", "classes"), ("significant_patterns", "significant_patterns")),
    ):
        assert row[mine] == pytest.approx(classes[its], rel=1e-9, nan_ok=True), mine
    by_value = found["column_values"].set_index("value")
    pairs = run.tables["pattern_class"].to_pandas()
    for name, its in pairs.groupby("class_name", observed=True):
        top = its.reindex(its.cohens_d.abs().sort_values(ascending=False, kind="stable").index).iloc[:3]
        assert by_value.patterns[name].tolist() == top.pattern.tolist()
        np.testing.assert_allclose(by_value.cohens_d[name], top.cohens_d)
        assert by_value.images[name] == top.n.iloc[0]


@pytest.mark.parametrize("settings", [{}, {"judge_space": "none"}, {"group": r"(.*)\d\.png"}])
def test_a_copy_of_the_classes_gives_the_numbers_of_the_classes(data, run, tmp_path, settings):
    if settings:
        run = analyse(data, tmp_path, **SMALL | {"rank": 6, "permutations": 5, "scales": False} | settings)
    found = tables(run, "copy")
    equals_the_classes(run, found)
    mine, its = found["column_held_out"], run.tables["held_out"].to_pandas()
    if settings.get("judge_space"):
        names = [name for name in mine.columns if name in its.columns and name not in {"run_id", "patterns"}]
        assert (its.clean_judged == its.judged).all()
        same(mine, its, names)
    else:
        ridge = run.tables["judges"].to_pandas().set_index("method").loc["ridge"]
        assert (mine.accuracy[0], mine.judged[0]) == (
            pytest.approx(ridge.clean_accuracy, abs=1e-12),
            ridge.clean_judged,
        )


def test_missing_values_are_counted_and_left_out(run):
    found = tables(run, "gaps")
    row = found["column_summary"].iloc[0]
    columns, samples = run.tables["columns"].to_pandas(), run.tables["samples"].to_pandas()
    there, train = columns.gaps.notna().to_numpy(), (samples.split == "train").to_numpy()
    assert (row.kind, row.source, row.missing, row["values"]) == ("categorical", "dataset", (~there).sum(), 3)
    assert row.images == (there & train).sum()
    scores = run.scores[:].astype(np.float64)[there & train]
    labels = columns.gaps[there & train].to_numpy()
    assert row.learnability == pytest.approx(naive.learnability(scores, labels), rel=1e-9)
    assert row.learnability > row.learnability_shuffled_max
    assert row.p_value == pytest.approx(1 / 6)
    judged = columns.gaps[there & ~train]
    assert found["column_values"].judged.tolist() == judged.value_counts().sort_index().tolist()
    judging, codes = run.judging_scores[:].astype(np.float64)[:, :64], np.unique(labels, return_inverse=True)[1]
    posteriors = naive.quadratic_posteriors(judging[there & train], codes, 3, judging[there & ~train])
    right = posteriors.argmax(axis=1) == np.searchsorted(np.unique(labels), judged.to_numpy())
    assert row.held_out == pytest.approx(right.mean(), abs=1e-12)


def test_a_column_without_association_is_no_better_than_chance(run):
    row = tables(run, "coin")["column_summary"].iloc[0]
    assert row.significant_patterns == 0
    assert row.p_value > 0.05
    assert row.held_out_p_value > 0.01
    assert tables(run, "coin")["column_values"].value.tolist() == ["false", "true"]


def test_if_only_the_fitted_split_has_values_a_fifth_is_held_out(run):
    keys = run.tables["samples"]["key"].to_pylist()
    from storage.formats.keyed_table import KeyedTable  # noqa: PLC0415 - beside its one use

    train = [key for key in keys if key.startswith("train")]
    given = KeyedTable("made", pa.table({"key": train, "kind": [key.split("/")[1] for key in train]}))
    held_out = tables(run, "kind", table=given)["column_held_out"]
    assert (held_out.learned + held_out.judged + held_out.left_out).tolist() == [180, 180]
    assert 15 < held_out.judged[0] < 60


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("constant", "The column 'constant' has one value, 'same', in all 180 fitted images that have any;"),
        ("name", "has 180 different values in 180 fitted images: it names images rather than groups"),
        ("copies", r"There is no column 'copies'; there are copy, .* more\."),
        ("tested", "has no value for the images that patterns are fitted on"),
    ],
)
def test_a_column_that_says_nothing_is_refused(run, name, sentence):
    with pytest.raises(InputError, match=sentence):
        associate_columns(run, ["copy", name])


def writers(path, table):
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    elif path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".feather":
        pyarrow.feather.write_feather(table, path)
    else:
        table.to_pandas().to_json(path, orient="records", lines=True)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "feather"])
def test_a_table_by_key_gives_the_same_as_a_column_of_the_dataset(run, tmp_path, ending):
    columns = run.tables["columns"]
    order = np.random.default_rng(0).permutation(len(columns))
    table = pa.table({"key": [*columns["key"].take(order).to_pylist(), "gone/1.png", "gone/2.png"],
                      "site": [*columns["gaps"].take(order).to_pylist(), "a", "z"]})  # fmt: skip
    path = tmp_path / f"sites.{ending}"
    writers(path, table)
    (found,) = ask_run(Workspace(tmp_path / "w"), run, ["SITE"], path)
    row = found.tables["column_summary"].to_pylist()[0]
    assert (row["column"], row["source"], row["unknown_keys"]) == ("site", f"table {path}", 2)
    for name, its in tables(run, "gaps").items():
        mine = found.tables[name].to_pandas()
        different = {"column", "source", "unknown_keys"}
        same(mine, its, [each for each in mine.columns if each not in different and mine[each].dtype != object])


def test_tables_that_do_not_fit_are_refused(run, tmp_path):
    keys = run.tables["samples"]["key"].to_pylist()
    for content, sentence in (
        ({"key": ["x"], "site": ["a"]}, f"names no image of the run, such as '{keys[0]}'; its first is 'x'"),
        ({"key": [keys[0]] * 2, "site": ["a", "b"]}, f"more than one row of the image '{keys[0]}'"),
        ({"image": keys, "site": ["a"] * len(keys)}, "has no column key"),
    ):
        pyarrow.csv.write_csv(pa.table(content), tmp_path / "t.csv")
        with pytest.raises(InputError, match=sentence):
            ask_run(Workspace(tmp_path / "w"), run, ["site"], tmp_path / "t.csv")
    with pytest.raises(InputError, match="There is no file"):
        ask_run(Workspace(tmp_path / "w"), run, ["site"], tmp_path / "none.csv")
    assert not (tmp_path / "w" / "associations").exists()


def test_values_of_another_type_are_refused(run, tmp_path):
    keys = run.tables["samples"]["key"].to_pylist()
    pq.write_table(pa.table({"key": keys, "mask": [b"1"] * len(keys)}), tmp_path / "masks.parquet")
    with pytest.raises(InputError, match=r"'mask' .* holds values of type binary, which are not asked about; choose"):
        ask_run(Workspace(tmp_path), run, ["mask"], tmp_path / "masks.parquet")


def test_tables_are_kept_and_the_same_when_asked_again(run, address):
    space = Workspace(address)
    ask_run(space, run, ["copy,coin"])
    before = contents(space)
    folders = {f"associations/{run.manifest.run_id}/{column}" for column in ("copy", "coin")}
    assert before.keys() == {f"{folder}/{name}.parquet" for folder in folders for name in ASSOCIATIONS}
    ask_run(space, run, ["copy", "coin", "COPY"])
    assert contents(space) == before
    for name, schema in ASSOCIATIONS.items():
        read = read_table(space.association(run.manifest.run_id, "copy") / f"{name}.parquet")
        assert read.schema.equals(schema)
        assert (len(read) == 0) == (name == "column_averages")  # which labels have
        assert {*read["run_id"].to_pylist()} <= {run.manifest.run_id}
        assert {*read["column"].to_pylist()} <= {"copy"}


def test_tables_that_were_not_all_written_have_no_summary(run, tmp_path, monkeypatch):
    space, wrote = Workspace(tmp_path), []
    ask_run(space, run, ["coin"])

    def ended(path, *words):
        if len(wrote) == 2:
            raise KeyboardInterrupt
        wrote.append(path)
        return table_writer(path, *words)

    monkeypatch.setattr("tasks.columns.ask.table_writer", ended)
    with pytest.raises(KeyboardInterrupt):
        ask_run(space, run, ["coin"])
    assert not (space.association(run.manifest.run_id, "coin") / "column_summary.parquet").exists()


def test_a_comma_in_a_name_is_part_of_it_if_there_is_such_a_column(run, tmp_path):
    keys = run.tables["samples"]["key"].to_pylist()
    table = pa.table({"key": keys, "a, b": [key[-5] for key in keys]})
    pq.write_table(table, tmp_path / "t.parquet")
    (found,) = ask_run(Workspace(tmp_path / "w"), run, ["a, b"], tmp_path / "t.parquet")
    assert found.column == "a, b"
    assert [column.column for column in ask_run(Workspace(tmp_path / "w"), run, [" copy , coin"])] == ["copy", "coin"]


@pytest.mark.parametrize("name", ["addressed_by_source", "format_1"])
def test_a_run_of_an_earlier_version_can_be_asked(tmp_path, name):
    shutil.copytree(ROOT / "tests" / "earlier" / name, tmp_path / "workspace")
    run = open_run(tmp_path / "workspace")
    samples = run.tables["samples"].to_pandas()
    given = samples[["key"]].assign(digit=[f"is {number}" for number in samples.class_id])
    given.to_csv(tmp_path / "digits.csv", index=False)
    (found,) = ask_run(Workspace(tmp_path / "workspace"), run, ["digit"], tmp_path / "digits.csv")
    row = found.tables["column_summary"].to_pylist()[0]
    assert row["learnability"] == pytest.approx(run.manifest.learnability["learnability"], rel=1e-6)
    assert row["held_out"] > row["chance"]
    with pytest.raises(InputError, match="There is no column 'site'; there are none"):
        associate_columns(run, ["site"])


def test_a_pattern_of_yes_or_no_columns_is_one_column_of_labels(run, tmp_path):
    """As the same labels give it in one column of lists; who lacks a value in one of them has no list."""
    keys = run.tables["samples"]["key"].to_pylist()
    random = np.random.default_rng(4)
    has = random.random((len(keys), 3)) < [0.5, 0.4, 0.3]
    has[:, 0] |= np.arange(len(keys)) < 60
    names = ["finding_a", "finding_b", "finding_c"]
    columns = {name: yes.astype(kind) for name, yes, kind in zip(names, has.T, (int, float, bool), strict=True)}
    lists = [[name for name, yes in zip(names, row, strict=True) if yes] for row in has.tolist()]
    columns["finding_b"] = pa.array(columns["finding_b"], mask=np.arange(len(keys)) == 7)
    lists[7] = None
    others = {"site_name": ["ab"[place % 2] for place in range(len(keys))], "site_open": has[:, 0]}
    table = pa.table({"key": keys, **columns, "lists": lists, **others})
    pa.parquet.write_table(table, tmp_path / "table.parquet")
    given = read_keyed_table(tmp_path / "table.parquet")
    together, apart = associate_columns(run, ["finding_*", "lists"], given)
    assert together.tables["column_summary"]["missing"].to_pylist() == [1]
    assert sorted(together.tables["column_values"]["value"].to_pylist()) == names
    for name, expected in apart.tables.items():
        assert together.tables[name].drop_columns("column").equals(expected.drop_columns("column")), name
    assert [each.column for each in associate_columns(run, ["site_*"], given)] == ["site_name", "site_open"]
    with pytest.raises(InputError, match=r"There is no column 'found_\*'; there are finding_"):
        associate_columns(run, ["found_*"], table=given)
