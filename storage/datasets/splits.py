"""Names of splits, as folders, files, columns and arrays spell them, and the split that patterns are fitted on."""

import re
from collections.abc import Mapping

from storage.datasets.findings import Finding
from storage.errors import InputError

TRAIN, VAL, TEST = "train", "val", "test"
ORDER = (TRAIN, VAL, TEST)
# These words match in any case, before digits (val2017), before a filler (testset), and among other words (seg_train).
WORDS = {
    **dict.fromkeys(("train", "training", "trn", "trainval"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VAL),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation", "holdout", "t10k"), TEST),
}
FILLERS = re.compile(r"(set|data|images?|imgs?|split|folder)$")
BETWEEN = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])")


def words_of(name: str) -> list[str]:
    """Words of a name in lower case; it is split at capitals and at characters other than letters and digits."""
    return [word.lower() for word in BETWEEN.split(name) if word]


def split_word(word: str) -> str | None:
    """The split that one word in lower case names."""
    for spelling in (word, FILLERS.sub("", word), word.rstrip("0123456789")):
        if spelling in WORDS:
            return WORDS[spelling]
    return None


def split_named(name: str) -> str | None:
    """The split in the name of a file or folder: `train`, `val` or `test`; None if it names none, or several."""
    named = {split for split in map(split_word, words_of(name)) if split}
    return named.pop() if len(named) == 1 else None


def split_in(path: str) -> str | None:
    """The split that a part of a path names, the last such part; None if none does."""
    return next((split for part in reversed(path.split("/")) if (split := split_named(part))), None)


def split_of(path: str) -> str:
    """The split that a part of a path names, the last such part if there are several; `train` if none does."""
    return split_in(path) or TRAIN


def split_called(name: str) -> str:
    """The usual name of a split, or the given name if it has none."""
    return split_named(name) or name


def in_order(name: str) -> tuple[int, str]:
    """Sort key of splits: train, val, test, then others by name."""
    return (ORDER.index(name) if name in ORDER else len(ORDER)), name


def fitted_split(images: Mapping[str, int], address: str, wanted: str | None = None) -> tuple[str, Finding | None]:
    """Choose the split that patterns are fitted on, and give the reason if it is not obvious.

    Parameters
    ----------
    images
        Labelled images of each split.
    address
        Name of the dataset for messages.
    wanted
        The split that the user chose.

    Raises
    ------
    InputError
        If the dataset does not have the chosen split, or only the alphabet would decide between splits.
    """
    named = ", ".join(f"{name} ({images[name]:,})" for name in sorted(images, key=in_order))
    if wanted is not None:
        for name in (wanted, split_called(wanted)):
            if images.get(name):
                return name, None
        raise InputError(f"{address} has no split {wanted}; it has {named}. Pass --split with one of these.")
    if images.get(TRAIN):
        return TRAIN, None
    most = max(images.values())
    first, *others = sorted((name for name in images if images[name] == most), key=in_order)
    if others and first not in ORDER:
        raise InputError(
            f"No split of {address} is called train, and none has more images than the others: {named}. "
            f"Pass --split to choose the one to fit patterns on, for example --split {first}."
        )
    why = "the only one" if len(images) == 1 else f"the one with the most images of {named}"
    text = f"No split is called train: patterns are fitted on {first}, {why}. Pass --split to choose another."
    return first, Finding("fitted split", text, most)
