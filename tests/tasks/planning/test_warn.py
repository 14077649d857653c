from collections import Counter

import numpy as np
import pytest

from tasks.planning.seen import Seen
from tasks.planning.warn import differences, repeats, single_images
from tasks.statistics.duplicates import find_duplicates


def seen(images, **counts):
    return Seen(images=images, **{name: Counter(values) for name, values in counts.items()})


def test_a_class_of_other_sizes_is_named_with_both_shares():
    common = {(48, 48): 100}
    found = differences(
        {
            (0, "train"): seen(100, sizes=common),
            (1, "train"): seen(100, sizes=common),
            (2, "train"): seen(50, sizes={(48, 48): 20, (64, 64): 30}),
            (2, "test"): seen(50, sizes={(64, 64): 50}),
        },
        ("joy", "fear", "anger"),
    )
    (finding,) = found
    assert "Class anger differs in the sizes of its images: 48 x 48 20%, in the typical class 100%." in finding.text
    assert finding.count == 100


@pytest.mark.parametrize("name", ["modes", "endings"])
def test_modes_and_endings_of_files_are_compared_alike(name):
    found = list(
        differences({(0, "a"): seen(40, **{name: {"x": 40}}), (1, "a"): seen(60, **{name: {"y": 60}})}, ("cat", "dog"))
    )
    assert [finding.kind for finding in found] == ["classes that differ"] * 2
    assert f"in the {name} of its images" in found[0].text


def test_chance_and_single_values_are_no_difference():
    random = np.random.default_rng(0)
    shares = [Counter(random.choice(["RGB", "L"], 30).tolist()) for _ in range(1000)]
    groups = {(number, "train"): Seen(images=30, modes=modes) for number, modes in enumerate(shares)}
    assert not list(differences(groups, [str(number) for number in range(1000)]))
    apart = {(number, "train"): seen(30, sizes={(row, number + 1): 1 for row in range(30)}) for number in range(5)}
    assert not list(differences(apart, list("abcde")))


def test_images_of_other_splits_that_repeat_fitted_ones_are_counted_and_named():
    digests = np.array([1, 2, 3, 1, 1, 9, 3, 3], np.uint64).repeat(2).tobytes()
    splits = ["train"] * 3 + ["test"] * 3 + ["val", "val"]
    class_ids = [0, 1, 1, 0, 0, 0, 1, 0]
    duplicates = find_duplicates(digests, np.array(class_ids, np.int32))
    keys = [f"{split}/{row}" for row, split in enumerate(splits)]
    test, val, classes = repeats(duplicates, keys, class_ids, splits, "train")
    assert test.text.startswith("2 of 3 test images repeat train images, such as test/3 and train/0.")
    assert val.text.startswith("2 of 2 val images repeat train images, such as val/6 and train/2.")
    assert (classes.kind, classes.count) == ("conflicting labels", 1)
    assert "such as train/2, val/6, val/7" in classes.text
    assert not list(repeats(find_duplicates(b"", np.empty(0, np.int32)), [], [], [], "train"))


def test_classes_of_one_image_are_counted():
    classes = {"a": {"train": 1, "test": 9}, "b": {"train": 2}, "c": {"test": 1}, "d": {"train": 1}}
    (found,) = single_images(classes, "train")
    assert (found.count, found.text) == (2, "2 classes have one image each in the split train (a, d): that is too few.")


def test_no_class_of_two_images_is_said():
    (found,) = single_images({"a": {"train": 1, "test": 9}, "b": {"train": 1}, "c": {"test": 2}}, "train")
    assert found.text.endswith("No class has two, so no association can be measured, and a run is refused.")
