import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.datasets.placement import place_folders
from storage.errors import InputError


def read(*folders, **options):
    """Split and class of folders that are read, and why others are not."""
    return {
        folder: place.why or (place.split, place.label)
        for folder, place in place_folders(dict.fromkeys(folders, 2), "data", **options).places.items()
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
        (["cat/persian", "cat/siamese", "dog/poodle"], [("train", "cat"), ("train", "cat"), ("train", "dog")]),
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
        (["cat", "dog", "test"], r"two ways: it holds cat, dog, test.* --format outer-folders"),
        (["bottle/train/good", "bottle/test/bad", "cable/train/good"], r"holds 2 datasets .*: bottle, cable"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(folders, message):
    with pytest.raises(InputError, match=message):
        read(*folders)


def test_the_user_decides():
    folders = ["fold1/a", "fold1/b", "fold2/a", "fold2/b"]
    assert {place[1] for place in read(*folders, outermost=True).values()} == {"fold1", "fold2"}


NAMES = st.sampled_from(["train", "test", "val", "cat", "dog", "images", "masks", "old", "data", "x"])


@given(st.dictionaries(st.lists(NAMES, max_size=4).map("/".join), st.integers(1, 9), max_size=12))
def test_every_folder_has_a_place_or_the_dataset_is_refused(images):
    try:
        placed = place_folders(images, "data").places
    except InputError:
        return
    assert placed.keys() == images.keys()
