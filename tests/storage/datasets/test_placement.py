import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.datasets.placement import place_folders
from storage.errors import InputError


def read(*folders, level=None):
    """Split and class of folders that are read, and why others are not."""
    return {
        folder: place.why or (place.split, place.label)
        for folder, place in place_folders(dict.fromkeys(folders, 2), "data", level).places.items()
    }


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["cat", "dog"], [("train", "cat"), ("train", "dog")]),
        (["Training/a", "Training/b", "Testing/a"], [("train", "a"), ("train", "b"), ("test", "a")]),
        (["seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/seg_test/a", "seg_pred/seg_pred"],
         [("train", "a"), ("train", "b"), ("test", "a"), "images beside the splits"]),
        (["x/y/train/a", "x/y/train/b", "x/y/val/a", "x/notes"],
         [("train", "a"), ("train", "b"), ("val", "a"), "images beside the splits"]),
        (["bus", "train", "car"], [("train", "bus"), ("train", "train"), ("train", "car")]),
        (["bus/images", "train/images", "car/images"], [("train", "bus"), ("train", "train"), ("train", "car")]),
        (["train/a", "train/b", "test"], [("train", "a"), ("train", "b"), ("test", None)]),
        (["train/a/images", "train/b/images", "val/images"], [("train", "a"), ("train", "b"), ("val", None)]),
        (["train/a", "train/b", "test/unknown"], [("train", "a"), ("train", "b"), ("test", None)]),
        (["", "cat", "dog"], ["loose images", ("train", "cat"), ("train", "dog")]),
        (["a/train", "a/test", "b/train"], [("train", "a"), ("test", "a"), ("train", "b")]),
        (["a/images", "a/masks", "b/images"], [("train", "a"), "masks", ("train", "b")]),
        (["images/a", "images/b", "masks/a"], [("train", "a"), ("train", "b"), "loose images"]),
        (["a", "b", "all/a", "all/b"], [("train", "a"), ("train", "b"), "copies", "copies"]),
        (["cat/persian", "cat/siamese", "dog"], [("train", "cat"), ("train", "cat"), ("train", "dog")]),
        (["cat/1", "dog/2"], [("train", "cat"), ("train", "dog")]),
        (["valid", "invalid"], [("train", "valid"), ("train", "invalid")]),
        (["__background__", "cat"], [("train", "__background__"), ("train", "cat")]),
    ],
)  # fmt: skip
def test_layouts(folders, expected):
    assert read(*folders) == dict(zip(folders, expected, strict=True))


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["fold1/a", "fold1/b", "fold2/a", "fold2/b"], r"two ways: fold1, fold2 hold the same folders a, b\."),
        (
            ["cat/persian", "cat/siamese", "dog/poodle"],
            r"two ways: cat, dog hold only folders, such as persian, poodle, ",
        ),
        (
            ["train/cat/persian", "train/cat/siamese", "train/dog/poodle", "test"],
            r"train/cat, train/dog hold only folders",
        ),
        (["cat", "dog", "test"], r"two ways: it holds cat, dog, test.* --format outer-folders"),
        (["bottle/train/good", "bottle/test/bad", "cable/train/good"], r"holds 2 datasets .*: bottle, cable"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(folders, message):
    with pytest.raises(InputError, match=message):
        read(*folders)


@pytest.mark.parametrize(
    ("folders", "outer", "inner"),
    [
        (["fold1/a", "fold1/b", "fold2/a", "fold2/b"], ["fold1", "fold1", "fold2", "fold2"], ["a", "b", "a", "b"]),
        (["train/cat/persian", "train/cat/siamese", "train/dog/poodle", "val/cat/persian"],
         ["cat", "cat", "dog", "cat"], ["persian", "siamese", "poodle", "persian"]),
        (["x/a/abbey", "x/c/lab/indoor/images", "x/c/lab/outdoor", "x/c"],
         ["a", "c", "c", "c"], ["abbey", "lab/indoor", "lab/outdoor", "c"]),
        (["bus", "train", "car"], ["bus", "train", "car"], ["bus", "train", "car"]),
    ],
)  # fmt: skip
def test_the_user_decides(folders, outer, inner):
    assert [place[1] for place in read(*folders, level="outer").values()] == outer
    assert [place[1] for place in read(*folders, level="inner").values()] == inner
    splits = [place[0] for place in read(*folders, level="inner").values()]
    assert splits == ["val" if folder.startswith("val") else "train" for folder in folders]


NAMES = st.sampled_from(["train", "test", "val", "cat", "dog", "images", "masks", "old", "data", "x"])


@given(
    st.dictionaries(st.lists(NAMES, max_size=4).map("/".join), st.integers(1, 9), max_size=12),
    st.sampled_from([None, "outer", "inner"]),
)
def test_every_folder_has_a_place_or_the_dataset_is_refused(images, level):
    try:
        placed = place_folders(images, "data", level).places
    except InputError:
        return
    assert placed.keys() == images.keys()
