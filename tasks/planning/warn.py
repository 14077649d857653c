"""What a curator should know of a dataset before a run: leaks, conflicting labels, classes that differ as files."""

import math
import statistics
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence

from storage.datasets.findings import Finding, counted, named
from tasks.planning.seen import Place, Seen, by_class
from tasks.statistics.duplicates import Duplicates

LEAST_DIFFERENCE = 0.2  # between the shares of a class and of the others
STANDARD_ERRORS = 4.0  # so that none of a thousand classes differs by chance
MOST_VALUES = 3  # the most frequent of a class and of all are compared


def differences(seen: Mapping[Place, Seen], classes: Sequence[str]) -> Iterator[Finding]:
    """Classes whose images have other modes, sizes or endings of files than those of the typical class.

    A share of the class is compared with the median of this share over all classes. It differs if it is at least 0.2
    away, and 4 standard errors of a difference between proportions of the class and of all other images (pooled).
    """
    own = by_class({place: each for place, each in seen.items() if place[0] >= 0})
    for what in ("modes", "sizes", "endings"):
        counts = {class_id: getattr(own[class_id], what) for class_id in sorted(own) if getattr(own[class_id], what)}
        for class_id, value, share, typical in _unlike(counts):
            text = (
                f"Class {classes[class_id]} differs in the {what} of its images: {_shown(value)} {share:.0%}, in the "
                f"typical class {typical:.0%}. A run may find that rather than what images show."
            )
            yield Finding("classes that differ", text, own[class_id].images)


def _unlike(counts: Mapping[int, Counter[Hashable]]) -> Iterator[tuple[int, Hashable, float, float]]:
    """Classes that differ, each with the value that shows it best, its share, and the median of it over classes."""
    every: Counter[Hashable] = Counter()
    holders: Counter[Hashable] = Counter()
    for own in counts.values():
        every.update(own)
        holders.update(own.keys())
    common = [value for value, _ in every.most_common(MOST_VALUES)]
    typical = {value: _median_share(counts, value) for value in every if 2 * holders[value] >= len(counts)}
    for class_id, own in counts.items():
        values = dict.fromkeys([*common, *(value for value, _ in own.most_common(MOST_VALUES))])
        found = [(value, own[value] / own.total(), typical.get(value, 0.0)) for value in values]
        value, share, median = max(found, key=lambda each: abs(each[1] - each[2]))
        error = _standard_error(every[value] / every.total(), own.total(), every.total() - own.total())
        if abs(share - median) > max(LEAST_DIFFERENCE, STANDARD_ERRORS * error):
            yield class_id, value, share, median


def _median_share(counts: Mapping[int, Counter[Hashable]], value: Hashable) -> float:
    return statistics.median(own[value] / own.total() for own in counts.values())


def _standard_error(share: float, images: int, others: int) -> float:
    return math.sqrt(share * (1 - share) * (1 / images + 1 / others)) if others else math.inf


def _shown(value: Hashable) -> str:
    return f"{value[0]} x {value[1]}" if isinstance(value, tuple) else str(value) or "no ending"


def single_images(classes: Mapping[str, Mapping[str, int]], fitted_split: str) -> Iterator[Finding]:
    """Classes of which the fitted split has one image, from which nothing can be said of the class."""
    single = [name for name, splits in classes.items() if splits.get(fitted_split) == 1]
    if single:
        have = "has one image" if len(single) == 1 else "have one image each"
        text = f"{counted(len(single), 'class')} {have} in the split {fitted_split} ({named(single)}): that is too few."
        if len(single) == sum(bool(splits.get(fitted_split)) for splits in classes.values()):
            text += " No class has two, so no association can be measured, and a run is refused."
        yield Finding("classes of one image", text, len(single))


def repeats(
    duplicates: Duplicates, keys: Sequence[str], class_ids: Sequence[int], splits: Sequence[str], fitted_split: str
) -> Iterator[Finding]:
    """Images with the same bytes: in the fitted split and another, and under two classes.

    Parameters
    ----------
    duplicates
        Groups of rows.
    keys, class_ids, splits
        Of all rows.
    fitted_split
        Split that patterns are fitted on.
    """
    leaked: Counter[str] = Counter()
    examples: dict[str, tuple[int, int]] = {}
    for group in duplicates.groups:
        fitted = [row for row in group if splits[row] == fitted_split]
        for row in group if fitted else ():
            if splits[row] != fitted_split:
                leaked[splits[row]] += 1
                examples.setdefault(splits[row], (row, fitted[0]))
    images = Counter(splits) if leaked else Counter()
    for split, count in leaked.items():
        row, same = examples[split]
        text = (
            f"{count:,} of {images[split]:,} {split} images repeat {fitted_split} images, such as {keys[row]} and "
            f"{keys[same]}. Results on {split} images look better than they are: remove these."
        )
        yield Finding("leaked images", text, count)
    if duplicates.conflicting:
        labels = ({class_ids[row] for row in group if class_ids[row] >= 0} for group in duplicates.groups)
        first = next(group for group, ids in zip(duplicates.groups, labels, strict=True) if len(ids) > 1)
        text = (
            f"{counted(duplicates.conflicting, 'image')} {'is' if duplicates.conflicting == 1 else 'are'} there under "
            f"more than one class, such as {named([keys[row] for row in first])}. At most one of the labels is right."
        )
        yield Finding("conflicting labels", text, duplicates.conflicting)
