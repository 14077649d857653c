import pyarrow as pa
import pytest

from storage.formats.archive_tree import Archive, ArchiveTree
from tests.datasets import rows_of


def tree(archives):
    """A source of archives whose members are given by name only."""
    tables = {
        name: pa.table({"name": members, "offset": range(len(members)), "length": [1] * len(members)})
        for name, members in archives.items()
    }
    contents = {"2": b"v1.png b\nv2.png a\n"}
    return ArchiveTree(
        "data",
        [Archive(name, table, None) for name, table in tables.items()],
        None,
        lambda _, offset, __: contents[str(offset)],
    )


@pytest.mark.parametrize(
    ("archives", "expected"),
    [
        ({"x.tar": ["a/1.png", "/b/../2.png"]}, [("a", "train"), ("b", "train")]),
        ({"s0.tar": ["a/1.png"], "s1.tar": ["b/1.png"]}, [("a", "train"), ("b", "train")]),
        ({"train.zip": ["a/1.png", "b/1.png"], "test.zip": ["a/2.png"]},
         [("a", "train"), ("b", "train"), ("a", "test")]),
        ({"train.zip": ["train/a/1.png", "train/b/1.png"], "test.zip": ["test/a/2.png"]},
         [("a", "train"), ("b", "train"), ("a", "test")]),
        ({"trainval.zip": ["train/a/1.png", "train/b/1.png", "val/a/2.png"]},
         [("a", "train"), ("b", "train"), ("a", "val")]),
        ({"train.zip": ["bus/1.png", "train/1.png"], "test.zip": ["bus/2.png", "train/2.png"]},
         [("bus", "train"), ("train", "train"), ("bus", "test"), ("train", "test")]),
        ({"train/n01.tar": ["1.png"], "train/n03.tar": ["1.png"], "val/n01.tar": ["2.png"]},
         [("n01", "train"), ("n03", "train"), ("n01", "val")]),
        ({"val.tar": ["a/1.png", "b/1.png"]}, [("a", "val"), ("b", "val")]),
    ],
)  # fmt: skip
def test_archives_stand_for_splits_or_classes_or_parts_of_a_tree(archives, expected):
    assert [(label, split) for _, label, split in rows_of(tree(archives))] == expected


def test_numbered_archives_without_folders_are_parts_without_labels():
    source = tree({"shard-0001.tar": ["1.png"], "shard-0002.tar": ["2.png"]})
    assert (source.classes, source.samples()["class_id"].null_count) == ((), 2)


def test_samples_keep_the_order_of_the_archive():
    source = tree({"x.tar": ["b/2.png", "a/1.png", "b/1.png"]})
    assert source.samples()["key"].to_pylist() == ["x.tar/b/2.png", "x.tar/a/1.png", "x.tar/b/1.png"]


def test_text_files_in_an_archive_label_its_flat_split():
    source = tree({"x.tar": ["train/a/1.png", "train/b/2.png", "val/labels.txt", "val/v1.png", "val/v2.png"]})
    assert rows_of(source)[2:] == [("x.tar/val/v2.png", "a", "val"), ("x.tar/val/v1.png", "b", "val")][::-1]
