import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.datasets.splits import TRAIN, WORDS, fitted_split, in_order, split_named, split_of
from storage.errors import InputError

OTHERS = st.sampled_from(["seg", "images", "2017", "the", "part", "x"])


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("Training", "train"), ("TRAIN", "train"), ("training_set", "train"), ("trn", "train"),
        ("seg_train", "train"), ("train_images", "train"), ("trainImages", "train"), ("trainset", "train"),
        ("train2017", "train"), ("trainval", "train"), ("emnist-letters-train", "train"),
        ("val", "val"), ("valid", "val"), ("Validation", "val"), ("dev", "val"), ("val2014", "val"),
        ("test", "test"), ("Testing", "test"), ("eval", "test"), ("test_set", "test"), ("t10k", "test"),
        ("restrain", None), ("contest", None), ("evaluate-me", None), ("train-test", None), ("cat", None), ("", None),
    ],
)  # fmt: skip
def test_names_of_splits(name, split):
    assert split_named(name) == split


@given(st.sampled_from(sorted(WORDS)), st.lists(OTHERS), st.lists(OTHERS), st.sampled_from("_-. "), st.booleans())
def test_a_split_is_known_among_other_words_in_any_case(word, before, behind, between, upper):
    name = between.join([*before, word, *behind])
    assert split_named(name.upper() if upper else name) == WORDS[word]


def test_the_last_part_of_a_path_that_names_a_split_counts():
    assert split_of("train/test-00000.parquet") == "test"
    assert split_of("validation/0000.parquet") == "val"
    assert split_of("cat/0.png") == TRAIN


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(1, 9), min_size=1, max_size=4))
def test_train_is_fitted_whatever_else_there_is(images):
    assert fitted_split({**images, "train": 1}, "data") == ("train", None)


@given(st.dictionaries(st.sampled_from(["a", "b", "test", "val"]), st.integers(1, 3), min_size=1))
def test_without_train_the_largest_split_is_fitted_and_it_is_said(images):
    most = [name for name, count in images.items() if count == max(images.values())]
    if len(most) > 1 and not {"val", "test"} & set(most):
        with pytest.raises(InputError, match=r"No split of data is called train.*--split a"):
            fitted_split(images, "data")
        return
    chosen, why = fitted_split(images, "data")
    assert chosen == min(most, key=in_order)
    assert f"fitted on {chosen}" in why.text
    assert why.count == images[chosen]


def test_the_users_choice_comes_first():
    assert fitted_split({"train": 9, "val": 2}, "data", "validation") == ("val", None)
    assert fitted_split({"train": 9, "fold 2": 2}, "data", "fold 2") == ("fold 2", None)
    with pytest.raises(InputError, match=r"data has no split test; it has train \(9\), val \(2\)"):
        fitted_split({"train": 9, "val": 2}, "data", "test")
