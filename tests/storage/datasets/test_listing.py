import unicodedata

import pytest

from storage.datasets.listing import list_dataset
from storage.errors import InputError
from storage.formats.open import open_source
from storage.settings import Settings
from tests.datasets import write_images


def listed(folder, **settings):
    return list_dataset(open_source(str(folder)), "data", Settings(**settings))


def counts(listing):
    """Images by class and split."""
    found = {}
    for class_id, split in zip(*(listing.samples[name].to_pylist() for name in ("class_id", "split")), strict=True):
        found[listing.classes[class_id], split] = found.get((listing.classes[class_id], split), 0) + 1
    return found


def test_composed_and_decomposed_names_are_one_class(tmp_path):
    write_images(tmp_path / "train", classes=("café", "dog"), count=2)
    write_images(tmp_path / "test", classes=(unicodedata.normalize("NFD", "café"), "dog"), count=1)
    found = counts(listed(tmp_path))
    assert found == {("café", "train"): 2, ("dog", "train"): 2, ("café", "test"): 1, ("dog", "test"): 1}


def test_classes_that_are_alike_are_warned_of_and_joined_on_demand(tmp_path):
    write_images(tmp_path, classes=("ANGER", "anger", "joy"), count=2)
    (warning,) = listed(tmp_path).findings.warnings
    assert (warning.kind, warning.count) == ("similar classes", 2)
    assert "'ANGER' (2 images), 'anger' (2 images). Pass --join-classes casefold" in warning.text
    joined = listed(tmp_path, join_classes="casefold")
    assert counts(joined) == {("ANGER", "train"): 4, ("joy", "train"): 2}
    assert [note.kind for note in joined.findings.notes] == ["joined classes"]


def test_unlabelled_images_are_counted_beside_the_fitted_split_and_refused_in_it(tmp_path):
    write_images(tmp_path / "train", count=2)
    (tmp_path / "test").mkdir()
    for row in (0, 1):
        (tmp_path / "test" / f"{row}.png").write_bytes((tmp_path / "train" / "cat" / f"00{row}.png").read_bytes())
    listing = listed(tmp_path)
    assert counts(listing) == {("cat", "train"): 2, ("dog", "train"): 2}
    assert [(found.kind, found.count) for found in listing.findings.ignored] == [("unlabelled images", 2)]
    with pytest.raises(InputError, match="No image of data has a label"):
        listed(tmp_path / "test")


def test_the_chosen_split_comes_first(tmp_path):
    write_images(tmp_path / "train", count=2)
    write_images(tmp_path / "val", count=1)
    assert listed(tmp_path, split="validation").samples["split"].to_pylist() == ["val"] * 2 + ["train"] * 4
