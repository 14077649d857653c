"""What the explorer finds, against pandas."""

import numpy as np
import pyarrow as pa
import pytest

from storage.errors import InputError
from tasks.explore import images as explored
from tasks.explore.images import Images
from tasks.explore.query import Order, Query
from tests.runs import analyse
from tests.tasks.inspect.planted import planted


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explored")
    planted(folder / "data")
    (folder / "data" / "train" / "a" / "bad.png").write_bytes(b"no image")
    settings = {"max_bad_fraction": 0.1, "shard_size": 2**15}
    return analyse(folder / "data", folder / "workspace", scales=False, permutations=1, rank=8, **settings)


@pytest.fixture(scope="module")
def images(run):
    return Images(run)


def keys(images, query):
    return [entry["key"] for entry in images.describe(images.find(query))]


def test_filters_choose_what_the_tables_say(run, images):
    samples = run.tables["samples"].to_pandas().sort_values("row")
    assert keys(images, Query()) == samples.key.tolist()
    mine = samples[(samples.class_name == "b") & (samples.split == "test")]
    assert keys(images, Query(class_name="b", split="test")) == mine.key.tolist()
    assert keys(images, Query(text="NEAR")) == samples.key[samples.key.str.contains("near")].tolist()
    issues = run.tables["issues"].to_pandas()
    for kind in images.facts["kinds"]:
        assert set(keys(images, Query(kind=kind))) == set(issues.key[issues.kind == kind])
    assert keys(images, Query(kind="no such kind")) == []


def test_columns_are_compared_as_text_or_with_a_limit(run, images):
    properties = run.tables["properties"].to_pandas()
    middle = float(properties.brightness.median())
    bright = set(properties.key[properties.brightness >= middle])
    assert set(keys(images, Query(column="brightness", value=f">= {middle!r}"))) == bright
    assert set(keys(images, Query(column="mode", value="l"))) == set(properties.key[properties["mode"] == "L"])
    with pytest.raises(InputError, match=r"no column 'site'; it has .*brightness"):
        images.find(Query(column="site", value="x"))
    with pytest.raises(InputError, match=r"The column 'mode' holds neither numbers nor dates, so '> 3' is no limit"):
        images.find(Query(column="mode", value="> 3"))
    with pytest.raises(InputError, match=r"The column 'brightness' holds numbers, so '> 2024-05-01' is no limit"):
        images.find(Query(column="brightness", value="> 2024-05-01"))


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["2024-05-01", "2024-06-30", None]).cast(pa.date32()),
        pa.array(["2024-05-01T00:00", "2024-06-30T10:00", None]).cast(pa.timestamp("s")),
        pa.array(["2024-05-01T00:00Z", "2024-06-30T10:00Z", None]).cast(pa.timestamp("us", "UTC")),
        pa.array(["2024-05-01", "2024-06-30", ""]),
    ],
    ids=["dates", "times", "times of a zone", "text"],
)
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("> 2024-05-01", [1]),
        (">=2024-05-01", [0, 1]),
        ("< 2024-06-01T12:00", [0]),
        ("2024-06-30", [1]),
        ("2024", [0, 1]),
    ],
)
def test_dates_have_limits_and_beginnings(run, monkeypatch, values, wanted, found):
    """However the dataset holds them. The third image has no date."""
    table = pa.table({"row": [0, 1, 2], "taken": values})
    images = Images(run)
    monkeypatch.setattr(Images, "_column_tables", {"taken": "columns"})
    monkeypatch.setattr(explored, "read_table", lambda *_: table)
    assert images.find(Query(column="taken", value=wanted)).tolist() == found


def test_text_that_is_all_numbers_has_limits(run, monkeypatch):
    table = pa.table({"row": [0, 1, 2], "age": ["9", "10", ""]})
    images = Images(run)
    monkeypatch.setattr(Images, "_column_tables", {"age": "columns"})
    monkeypatch.setattr(explored, "read_table", lambda *_: table)
    assert images.find(Query(column="age", value="> 9.5")).tolist() == [1]
    assert images.find(Query(column="age", value="9")).tolist() == [0]


@pytest.mark.parametrize("smallest", [False, True])
def test_images_are_sorted_and_those_without_a_value_come_last(run, images, smallest):
    samples = run.tables["samples"].to_pandas().set_index("key")
    scores = dict(zip(run.tables["samples"]["key"].to_pylist(), np.asarray(run.scores[:, 2]), strict=True))
    severity = run.tables["issues"].to_pandas().groupby("key").severity.max()
    for order, values in (
        (Order.PATTERN, scores),
        (Order.SUSPICION, samples.label_suspicion),
        (Order.SEVERITY, severity),
    ):
        found = keys(images, Query(order=order, pattern=2, smallest=smallest))
        known = [float(values.get(key, np.nan)) for key in found]
        there = np.isfinite(known)
        assert there[: there.sum()].all()
        steps = np.diff(np.array(known)[there])
        assert (steps >= 0).all() if smallest else (steps <= 0).all()
    assert keys(images, Query(smallest=True)) == keys(images, Query())[::-1]


def test_a_pattern_that_the_run_does_not_have_is_refused(images):
    with pytest.raises(InputError, match="has 8 patterns"):
        images.find(Query(order=Order.PATTERN, pattern=8))


def test_images_are_described_with_their_issues_and_paths(run, images):
    (entry,) = images.describe(images.find(Query(text="test/c/near")))
    (issue,) = [issue for issue in entry["issues"] if issue["kind"] == "near leak"]
    assert issue["suggestion"] == "keep train/c/0006.png"
    assert issue["evidence"].startswith("It shows the same as train/c/0006.png")
    assert (entry["class_name"], entry["split"]) == ("c", "test")
    paths = dict(zip(*(run.tables["issues"][name].to_pylist() for name in ("key", "path")), strict=True))
    assert entry["path"] == paths[entry["key"]]


def test_a_copy_is_the_nearest_neighbour_and_an_unreadable_image_has_none(run, images):
    rows = dict(zip(*(run.tables["samples"][name].to_pylist() for name in ("key", "row")), strict=True))
    nearest = images.describe(images.neighbours(rows["test/c/near.png"]))
    assert nearest[0]["key"] == "train/c/0006.png"
    assert len(nearest) == explored.NEIGHBOURS
    assert len(images.neighbours(rows["train/a/bad.png"])) == 0
    assert len(images.neighbours(max(rows.values()) + 1)) == 0


def test_too_many_images_are_refused(run, monkeypatch):
    monkeypatch.setattr(explored, "MOST_IMAGES", 10)
    with pytest.raises(InputError, match="the explorer shows up to 10"):
        Images(run)
