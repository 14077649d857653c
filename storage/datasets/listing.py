"""List a dataset the same way for check, plan and run: classes joined, fitted split first, skipped files counted."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.findings import Finding, Findings, Tally, counted
from storage.datasets.kept_columns import KeptColumns
from storage.datasets.labels import LABELS, SEVERAL
from storage.datasets.names import alike, composed, joined
from storage.datasets.source import SAMPLES, Source, split_first
from storage.datasets.splits import fitted_split
from storage.errors import InputError
from storage.settings import Settings
from storage.tables.schemas import UNLABELLED

NONE = "-1"  # what Hugging Face, among others, writes where there is no label
NO_LABEL = "no label"  # the one class of a dataset without labels
WHOLE = re.compile(r"-?\d+")
NAMED = 5  # groups of classes that a warning names


@dataclass(frozen=True)
class Listing:
    """A dataset's samples and findings.

    Attributes
    ----------
    classes
        Class names; a sample's `class_id` is a position in them.
    samples
        Images (schema `storage.datasets.source.SAMPLES`), those of the fitted split first. Images without a label that
        are kept have the class `UNLABELLED` and come last.
    fitted_split
        Split that patterns are fitted on.
    findings
        What was noticed, and what is not read.
    columns
        Columns of the dataset beside image and label, or None.
    """

    classes: tuple[str, ...]
    samples: pa.Table
    fitted_split: str
    findings: Findings
    columns: KeptColumns | None = None

    @property
    def labelled(self) -> bool:
        """Whether images have labels; without any, all are of one class."""
        return self.classes != (NO_LABEL,)


def list_dataset(source: Source, address: str, settings: Settings) -> Listing:
    """All samples of a dataset that a run uses.

    Raises
    ------
    InputError
        If there are none, images of the fitted split have no label, or the source refuses to list them.
    """
    samples, columns = source.samples(), source.columns
    found = Findings() + source.findings
    if not len(samples):
        skipped = " ".join(finding.text for finding in found.ignored) or "Nothing was skipped."
        raise InputError(f"{address} holds no images. {skipped}")
    classes, samples = _without_none(source.classes, samples, settings.reading.unlabelled, found)
    if settings.reading.unlabelled == "keep" and samples["class_id"].null_count == len(samples):
        classes, samples = _in_one_class(samples, address, found)
    classes, samples = _one_spelling(classes, samples, settings, found)
    split, why = fitted_split(_images_by_split(samples), address, settings.reading.split)
    found.notes += [why] if why else []
    labelled = _labelled(samples, split, address, settings.reading.unlabelled, found)
    labelled = split_first(labelled, split)
    if settings.reading.unlabelled == "keep":
        labelled = pa.concat_tables([labelled, _unlabelled(samples)]).unify_dictionaries().combine_chunks()
    return Listing(classes, labelled, split, found, columns)


def _images_by_split(samples: pa.Table) -> dict[str, int]:
    """Number of labelled images in each split, or of all images if none has a label."""
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


def _without_none(
    classes: Sequence[str], samples: pa.Table, unlabelled: str | None, found: Findings
) -> tuple[Sequence[str], pa.Table]:
    """Samples in which the class -1 is no class, if the user or the other splits say so."""
    if NONE not in classes or not all(WHOLE.fullmatch(name) for name in classes):
        return classes, samples
    ids, number = samples["class_id"].combine_chunks(), list(classes).index(NONE)
    none = pc.fill_null(pc.equal(ids, number), fill_value=False)
    splits = samples["split"].cast(pa.string()).combine_chunks()
    with_none = set(splits.filter(none).unique().to_pylist())
    if unlabelled is None and (
        with_none & set(splits.filter(pc.invert(none)).unique().to_pylist()) or len(classes) == 1
    ):
        count = pc.sum(none).as_py()
        text = f"{counted(count, 'image')} have the label -1, which is read as a class. If it means that they have no "
        found.warnings.append(Finding("label -1", f"{text}label, pass --unlabelled skip.", count))
        return classes, samples
    ids = pc.if_else(none, pa.scalar(None, pa.int32()), ids)
    ids = pc.if_else(pc.greater(ids, number), pc.subtract(ids, pa.scalar(1, pa.int32())), ids)
    place = SAMPLES.get_field_index("class_id")
    return [name for name in classes if name != NONE], samples.set_column(place, "class_id", ids)


def _in_one_class(samples: pa.Table, address: str, found: Findings) -> tuple[tuple[str, ...], pa.Table]:
    """Put all samples of a dataset without any label into one class, so that it has patterns, copies and quality."""
    several = any(note.kind == SEVERAL for note in found.notes)
    why = f"The images of {address} have several labels each" if several else f"No image of {address} has a label"
    text = f"{why}, so all are taken as one class and nothing is measured about classes."
    found.warnings.append(Finding("no labels", text, len(samples)))
    ids = pa.array([0] * len(samples), pa.int32())
    return (NO_LABEL,), samples.set_column(SAMPLES.get_field_index("class_id"), "class_id", ids)


def _labelled(samples: pa.Table, split: str, address: str, unlabelled: str | None, found: Findings) -> pa.Table:
    """Samples with a label; those without are counted, or refused, by default if they are in the fitted split."""
    missing = pc.is_null(samples["class_id"])
    if not pc.any(missing).as_py():
        return samples
    if samples["class_id"].null_count == len(samples):
        if any(note.kind == SEVERAL for note in found.notes):
            raise InputError(
                f"The images of {address} have several labels each, so no single class. Pass --unlabelled keep to run "
                f"without classes; then eigenwave associate --by {LABELS} tells how well the labels are predicted."
            )
        raise InputError(
            f"No image of {address} has a label. Give labels, or pass --unlabelled keep to find patterns, copies and "
            "bad images without them."
        )
    without = samples.filter(missing)
    splits = without["split"].cast(pa.string())
    for name, count in Counter(splits.to_pylist()).items():
        first = without["key"][pc.index(splits, value=name).as_py()].as_py()
        if unlabelled == "refuse" or (unlabelled is None and name == split):
            have = "has" if count == 1 else "have"
            raise InputError(
                f"{counted(count, 'image')} of the split {name} of {address} {have} no label, such as {first}. Give "
                "every image a label, or pass --unlabelled skip or keep."
            )
        if unlabelled == "keep":
            what = counted(count, f"image of the split {name} without a label")
            text = f"Kept {what} (such as {first}) for scores and duplicates."
            found.notes.append(Finding("kept without a label", text, count))
            continue
        tally = Tally()
        tally.add(first, count)
        found.ignore("unlabelled images", tally, f"image of the split {name} without a label")
    return samples.filter(pc.invert(missing))


def _unlabelled(samples: pa.Table) -> pa.Table:
    """Samples without a label."""
    found = samples.filter(pc.is_null(samples["class_id"]))
    ids = pc.fill_null(found["class_id"], UNLABELLED)
    return found.set_column(SAMPLES.get_field_index("class_id"), SAMPLES.field("class_id"), ids)
