"""List a dataset as check, plan and run all see it: classes joined, the fitted split first, all else counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.findings import Finding, Findings, Tally, counted
from storage.datasets.names import alike, composed, joined
from storage.datasets.source import SAMPLES, Source, split_first
from storage.datasets.splits import fitted_split
from storage.errors import InputError
from storage.settings import Settings

NAMED = 5  # groups of classes that a warning names


@dataclass(frozen=True)
class Listing:
    """A dataset's samples, and what to know about them.

    Attributes
    ----------
    classes
        Class names; a sample's `class_id` is a position in them.
    samples
        Labelled images (schema `storage.datasets.source.SAMPLES`), those of the fitted split first.
    fitted_split
        Split that patterns are fitted on.
    findings
        What was noticed, and what is not read.
    """

    classes: tuple[str, ...]
    samples: pa.Table
    fitted_split: str
    findings: Findings


def list_dataset(source: Source, address: str, settings: Settings) -> Listing:
    """All samples of a dataset that a run uses.

    Raises
    ------
    InputError
        If there are none, images of the fitted split have no label, or the source refuses to list them.
    """
    samples = source.samples()
    found = Findings() + source.findings
    if not len(samples):
        skipped = " ".join(finding.text for finding in found.ignored) or "Nothing was skipped."
        raise InputError(f"{address} holds no images. {skipped}")
    classes, samples = _one_spelling(source.classes, samples, settings, found)
    split, why = fitted_split(_images_by_split(samples), address, settings.reading.split)
    found.notes += [why] if why else []
    samples = _labelled(samples, split, address, found)
    return Listing(classes, split_first(samples, split), split, found)


def _images_by_split(samples: pa.Table) -> dict[str, int]:
    """Labelled images of each split; those of a split without any as if they were."""
    splits = samples["split"].cast(pa.string())
    labelled = splits.filter(pc.is_valid(samples["class_id"]))
    counts = (labelled if len(labelled) else splits).value_counts()
    return {entry["values"].as_py(): entry["counts"].as_py() for entry in counts}


def _one_spelling(
    classes: Sequence[str], samples: pa.Table, settings: Settings, found: Findings
) -> tuple[tuple[str, ...], pa.Table]:
    """Classes of one name each; names that are alike are joined or warned of."""
    images = Counter(dict(enumerate(np.bincount(samples["class_id"].drop_null().to_numpy(), minlength=len(classes)))))
    names = [composed(name) for name in classes]
    by_name: Counter[str] = Counter()
    for number, name in enumerate(names):
        by_name[name] += int(images[number])
    groups = alike(names)
    if groups and settings.reading.join_classes == "casefold":
        found.notes.append(_alike("joined classes", "were joined", groups, by_name, "."))
        chosen = joined(names, by_name)
        names = [chosen[name] for name in names]
    elif groups:
        found.warnings.append(
            _alike("similar classes", "differ only", groups, by_name, ". Pass --join-classes casefold to join them.")
        )
    different = tuple(dict.fromkeys(names))
    if different == tuple(classes):
        return different, samples
    places = {name: place for place, name in enumerate(different)}
    ids = pa.array([places[name] for name in names], pa.int32()).take(samples["class_id"].combine_chunks())
    return different, samples.set_column(SAMPLES.get_field_index("class_id"), "class_id", ids)


def _alike(kind: str, verb: str, groups: Sequence[Sequence[str]], images: Counter[str], end: str) -> Finding:
    named = "; ".join(
        ", ".join(f"{name!r} ({counted(images[name], 'image')})" for name in group) for group in groups[:NAMED]
    )
    more = f"; and {len(groups) - NAMED:,} more groups" if len(groups) > NAMED else ""
    count = sum(map(len, groups))
    text = f"{counted(count, 'class')} {verb} in case, blanks or Unicode spelling: {named}{more}{end}"
    return Finding(kind, text, count)


def _labelled(samples: pa.Table, split: str, address: str, found: Findings) -> pa.Table:
    """Samples with a label; those without are counted, and refused in the fitted split."""
    missing = pc.is_null(samples["class_id"])
    if not pc.any(missing).as_py():
        return samples
    without = samples.filter(missing)
    by_split = Counter(without["split"].cast(pa.string()).to_pylist())
    if by_split[split]:
        first = without["key"][pc.index(without["split"].cast(pa.string()), value=split).as_py()]
        raise InputError(
            f"{counted(by_split[split], 'image')} of the split {split} of {address} have no label, the first is "
            f"{first}; give every image of the split that patterns are fitted on a label, or remove it."
        )
    for name, count in by_split.items():
        tally = Tally()
        tally.add(without["key"][pc.index(without["split"].cast(pa.string()), value=name).as_py()].as_py(), count)
        found.ignore("unlabelled images", tally, f"image of the split {name} without a label")
    return samples.filter(pc.invert(missing))
