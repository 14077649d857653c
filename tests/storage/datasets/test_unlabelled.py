import pytest

from storage.datasets.findings import Findings
from storage.datasets.listing import list_dataset
from storage.datasets.source import to_samples
from storage.errors import InputError
from storage.settings import Settings
from storage.tables.schemas import UNLABELLED


class Listed:
    """A source of samples that are given."""

    def __init__(self, classes, rows):
        self.classes, self.findings, self.columns = classes, Findings(), None
        self._rows = [(f"{number}.png", *row) for number, row in enumerate(rows)]

    def samples(self):
        return to_samples([dict(zip(("key", "class_id", "split"), zip(*self._rows, strict=True), strict=True))])


NONE_IN_TEST = [(0, "train"), (1, "train"), (None, "test"), (None, "test"), (0, "test")]
NONE_IN_TRAIN = [(0, "train"), (1, "train"), (None, "train")]
ONLY_NONE_IN_TEST = [(1, "train"), (2, "train"), (0, "test"), (0, "test")]
SOME_IN_TRAIN = [(0, "train"), (1, "train"), (2, "train"), (0, "test")]


def listed(classes, rows, **settings):
    return list_dataset(Listed(classes, rows), "data", Settings(**settings))


def test_images_without_a_label_are_counted_in_splits_that_are_not_fitted():
    listing = listed(("cat", "dog"), NONE_IN_TEST)
    assert listing.samples["key"].to_pylist() == ["0.png", "1.png", "4.png"]
    (ignored,) = listing.findings.ignored
    assert (ignored.kind, ignored.count) == ("unlabelled images", 2)
    assert "split test without a label (such as 2.png)" in ignored.text


@pytest.mark.parametrize(("rows", "chosen"), [(NONE_IN_TRAIN, None), (NONE_IN_TEST, "refuse")])
def test_images_without_a_label_are_refused_where_they_would_be_fitted_or_by_choice(rows, chosen):
    with pytest.raises(InputError, match=r"image.* of the split t.* of data ha.* no label, such as 2\.png.*unlabelled"):
        listed(("cat", "dog"), rows, unlabelled=chosen)


def test_images_of_the_fitted_split_are_skipped_by_choice():
    listing = listed(("cat", "dog"), NONE_IN_TRAIN, unlabelled="skip")
    assert len(listing.samples) == 2
    assert [found.count for found in listing.findings.ignored] == [1]


@pytest.mark.parametrize("chosen", [None, "skip"])
def test_minus_one_is_no_class_if_it_is_all_that_a_split_has(chosen):
    listing = listed(("-1", "0", "1"), ONLY_NONE_IN_TEST, unlabelled=chosen)
    assert listing.classes == ("0", "1")
    assert listing.samples["class_id"].to_pylist() == [0, 1]
    assert listing.findings.skipped == 2


def test_minus_one_beside_other_labels_is_a_class_and_warned_of():
    listing = listed(("-1", "0", "1"), SOME_IN_TRAIN)
    assert listing.classes == ("-1", "0", "1")
    (warning,) = listing.findings.warnings
    assert (warning.kind, warning.count) == ("label -1", 2)
    assert listed(("-1", "0", "1"), SOME_IN_TRAIN, unlabelled="skip").classes == ("0", "1")
    assert not listed(("-1", "a"), [(0, "train"), (1, "train")]).findings.warnings


def test_a_dataset_without_any_label_is_refused():
    with pytest.raises(InputError, match="No image of data has a label"):
        listed((), [(None, "train")], unlabelled="skip")


def test_a_dataset_without_any_label_is_one_class_by_choice():
    listing = listed(("a",), [(None, "train"), (None, "test")], unlabelled="keep")
    assert (listing.classes, listing.labelled) == (("no label",), False)
    assert listing.samples["class_id"].to_pylist() == [0, 0]
    (warning,) = listing.findings.warnings
    assert (warning.kind, warning.count) == ("no labels", 2)


def test_kept_images_come_last_and_are_counted():
    listing = listed(("a", "b"), NONE_IN_TRAIN + NONE_IN_TEST[2:], unlabelled="keep")
    assert listing.samples["class_id"].to_pylist() == [0, 1, 0, UNLABELLED, UNLABELLED, UNLABELLED]
    assert listing.samples["split"].to_pylist() == ["train", "train", "test", "train", "test", "test"]
    notes = [(note.kind, note.count) for note in listing.findings.notes]
    assert notes == [("kept without a label", 1), ("kept without a label", 2)]
    assert not listing.findings.ignored
