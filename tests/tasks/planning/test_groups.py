import pyarrow as pa
import pytest

from storage.datasets.kept_columns import columns_of_table
from storage.datasets.source import SAMPLES
from storage.errors import InputError
from storage.tables.schemas import REMOVED
from tasks.planning.groups import Groups, group_findings


def samples_of(keys, classes=None, splits=None):
    columns = {"key": keys, "class_id": classes or [0] * len(keys), "split": splits or ["train"] * len(keys)}
    empty = dict.fromkeys(set(SAMPLES.names) - set(columns), [None] * len(keys))
    return pa.table(columns | empty).select(SAMPLES.names).cast(SAMPLES)


def grouped(values, keys=("a", "b", "c"), wanted="site", **given):
    columns = columns_of_table(pa.chunked_array([list(keys)]), pa.table({"site": values}))
    return Groups("data", columns, wanted).of(samples_of(list(keys), **given)).to_pylist()


def test_values_of_a_column_name_groups():
    assert grouped([3, 5, 3]) == ["3", "5", "3"]
    assert grouped(["x", None, "y"]) == ["x", None, "y"]


@pytest.mark.parametrize(("values", "kind"), [([0.5, 1.0, 2.0], "double"), ([[1], [2], [3]], "list<item: int64>")])
def test_numbers_with_fractions_and_lists_name_no_groups(values, kind):
    with pytest.raises(InputError, match=f"The column 'site' of data holds {kind}"):
        grouped(values)


def test_removed_images_are_in_no_group():
    columns = columns_of_table(pa.chunked_array([["a", "c"]]), pa.table({"site": ["x", "y"]}))
    samples = samples_of(["a", "b", "c"], classes=[0, REMOVED, 1])
    assert Groups("data", columns, "site").of(samples).to_pylist() == ["x", None, "y"]


def test_an_image_without_a_group_is_a_group_of_its_own():
    groups = Groups("data", None, r"p\d")
    ids = groups.ids(samples_of(["p1/a", "p1/b", "c", "d"]))
    assert ids[0] == ids[1]
    assert len(set(ids.tolist())) == 3
    assert Groups("data", None, None).ids(samples_of(["a"])) is None


def test_what_is_said_of_groups():
    names = pa.chunked_array([["x", "y", None, "x"]])
    samples = samples_of(list("abcd"), splits=["train", "train", "train", "test"])
    texts = [finding.text for finding in group_findings(names, samples, "train")]
    assert texts == [
        "The split train has 2 groups of images. These are few: what holds for them need not hold for others.",
        "1 image without a group is taken as independent.",
        "1 image of other splits belong to groups that the split train has too (x). Held-out results leave them out.",
    ]
