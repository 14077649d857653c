"""Plan a run on a dataset and check the settings against it. Reads only names and headers, and writes nothing."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.findings import Findings
from storage.datasets.kept_columns import KeptColumns
from storage.datasets.listing import Listing
from storage.datasets.source import Probe, bad_images, probe
from storage.errors import InputError
from storage.formats.open import list_source
from storage.settings import Settings
from storage.tables.schemas import UNLABELLED
from tasks.planning.cost import Cost
from tasks.planning.groups import Groups
from tasks.planning.limits import allowed, require_few
from tasks.planning.memory import most_pixels, require_memory, stage_memory
from tasks.planning.outlay import Outlay, outlays
from tasks.planning.place import described, local_workers, run_seconds, work_seconds
from tasks.planning.plan import Plan
from tasks.planning.space import coefficient_space, judging_space

MANY_SIZES = 5  # sizes named in a message


@dataclass(frozen=True)
class Estimate:
    """The plan of a run and its estimated cost.

    Attributes
    ----------
    plan, energy
        Plan of the run, and the fraction of the energy that decides the number of patterns, or None.
    pictured
        Whether the run is on images, not on features.
    costs
        Cost of each solver.
    outlays
        Cost of each stage.
    memory
        Projected peak bytes of a process in each stage.
    memory_limit
        Bytes that a process may use.
    most_pixels
        Number of pixels of the largest image that can be decoded in that.
    place
        Where the run computes, and why there.
    seconds
        Wall time of each part of the command, in seconds: start, work, report.
    """

    plan: Plan
    energy: float | None
    pictured: bool
    costs: Sequence[Cost]
    outlays: Mapping[str, Outlay]
    memory: Mapping[str, int]
    memory_limit: int
    most_pixels: int
    place: str
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Outlook(Estimate):
    """A dataset, with the plan and cost of a run on it.

    Attributes
    ----------
    classes, samples
        Class names and samples of the dataset.
    fitted_split
        Split that patterns are fitted on.
    format
        Name of the dataset's format.
    findings
        What was noticed in the dataset, and what is not read.
    columns
        Columns of the dataset beside image and label, or None.
    """

    classes: tuple[str, ...]
    samples: pa.Table
    fitted_split: str
    format: str
    findings: Findings
    columns: KeptColumns | None


def plan_run(source: str, settings: Settings) -> Outlook:
    """Plan the analysis of a dataset.

    Raises
    ------
    InputError
        If the dataset cannot be analyzed with these settings.
    EigenwaveError
        If too many images have headers that cannot be read.
    """
    found, listing = list_source(source, settings)
    _require_repeated_classes(source, listing)
    looked = probe(found.source, listing.samples)
    # If too many images of the sample are bad, check the headers of all before anything is computed.
    if looked.sizes and len(looked.bad) > settings.dataset.max_bad_fraction * (looked.sizes.total() + len(looked.bad)):
        bad = bad_images(found.source, listing.samples, allowed(settings, len(listing.samples)))
        require_few(((key, error.reason, error.detail) for key, error in bad), len(listing.samples), settings)
    return plan_listed(source, settings, found.format, listing, looked)


def plan_listed(source: str, settings: Settings, format_name: str, listing: Listing, looked: Probe) -> Outlook:
    """Plan the analysis of a dataset that was listed and looked at.

    Raises
    ------
    InputError
        If the dataset cannot be analyzed with these settings.
    """
    fitted = _require_classes(source, listing)
    Groups(source, listing.columns, settings.reading.group).of(listing.samples)
    if not looked.sizes:
        raise InputError(f"None of the images of {source} can be read; check what its files are.")
    size = settings.coefficients.size
    width, height = (size, size) if size else _only_size(source, looked.sizes)
    shape = (height, width, looked.channels)
    largest = max(across * down for across, down in looked.sizes)
    images, classes = len(listing.samples), len(listing.classes)
    estimate = estimate_run(settings, images, shape, classes, fitted=fitted, largest=largest)
    unlabelled = pc.sum(pc.equal(listing.samples["class_id"], UNLABELLED)).as_py()
    estimate = replace(estimate, plan=replace(estimate.plan, unlabelled=unlabelled))
    try:
        require_memory(estimate.plan, settings.association.permutations, estimate.memory_limit, largest)
    except ValueError as error:
        raise InputError(str(error)) from None
    return Outlook(
        **vars(estimate),
        classes=listing.classes,
        samples=listing.samples,
        fitted_split=listing.fitted_split,
        format=format_name,
        findings=listing.findings,
        columns=listing.columns,
    )


def _require_classes(source: str, listing: Listing) -> int:
    """Count the images of the fitted split, and refuse it if their labels are of one class."""
    labels = _fitted_labels(listing)
    if listing.labelled and pc.count_distinct(labels).as_py() < 2:  # noqa: PLR2004
        raise InputError(
            f"{source} has images of only one class ({listing.classes[labels[0].as_py()]}, split "
            f"{listing.fitted_split}); association needs two or more."
        )
    return len(labels)


def has_no_repeated_class(listing: Listing) -> bool:
    """Whether the fitted split has one image of each class, so that no association can be measured."""
    labels = _fitted_labels(listing)
    return bool(pc.count_distinct(labels).as_py() == len(labels))


def _require_repeated_classes(source: str, listing: Listing) -> None:
    """Refuse a fitted split with one image of each class; `check` reads such a dataset, and warns."""
    images = _require_classes(source, listing)
    if has_no_repeated_class(listing):
        raise InputError(
            f"{source} has one image of each of its {images} classes (split {listing.fitted_split}): "
            "no association can be measured. Add images of these classes, or check that labels name classes."
        )


def _fitted_labels(listing: Listing) -> pa.ChunkedArray:
    """Class of each labelled image of the fitted split."""
    here = pc.equal(listing.samples["split"].cast(pa.string()), listing.fitted_split)
    labelled = pc.greater_equal(listing.samples["class_id"], 0)
    return listing.samples.filter(pc.and_(here, labelled))["class_id"]


def estimate_run(  # noqa: PLR0913 - each is a number that a user may state
    settings: Settings,
    images: int,
    shape: tuple[int, int, int],
    classes: int,
    *,
    fitted: int | None = None,
    largest: int | None = None,
) -> Estimate:
    """Estimate a run on a dataset from its counts. The dataset need not exist.

    Parameters
    ----------
    settings
        The settings.
    images, classes
        Number of images and of classes.
    shape
        Height, width and channels of every image.
    fitted
        Number of images to fit on; by default all.
    largest
        Number of pixels of the largest image as it is stored; by default that of `shape`.

    Raises
    ------
    InputError
        If the settings do not fit the images.
    """
    largest = shape[0] * shape[1] if largest is None else largest
    passes = settings.decomposition.fixed_passes
    try:
        plan = Plan.make(
            images=images,
            fitted=images if fitted is None else fitted,
            classes=classes,
            space=coefficient_space(settings, *shape),
            decomposition=settings.decomposition,
            shard_size=settings.dataset.shard_size,
            value_bytes=np.dtype(settings.coefficients.dtype).itemsize,
            judging=judging_space(settings, *shape),
        )
    except ValueError as error:
        raise InputError(str(error)) from None
    memory = stage_memory(plan, settings.association.permutations, largest)
    memory_limit = settings.execution.memory_limit or machine_memory() // _processes(settings)
    taken = outlays(plan, settings.association.permutations, passes, settings.judging.neighbours)
    work = work_seconds(taken)
    return Estimate(
        plan=plan,
        energy=settings.decomposition.energy,
        pictured=settings.coefficients.transform != "none",
        costs=plan.costs(passes),
        outlays=taken,
        memory=memory,
        memory_limit=memory_limit,
        most_pixels=most_pixels(memory, largest, memory_limit),
        place=described(settings.execution, work),
        seconds=run_seconds(settings.execution, plan, work),
    )


def machine_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _processes(settings: Settings) -> int:
    return local_workers(settings.execution) if settings.execution.cluster in {"auto", "local"} else 1


def _only_size(source: str, sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    if len(sizes) == 1:
        return next(iter(sizes))
    common = ", ".join(f"{width} x {height} ({count})" for (width, height), count in sizes.most_common(MANY_SIZES))
    more = f" and {len(sizes) - MANY_SIZES} more" if len(sizes) > MANY_SIZES else ""
    raise InputError(
        f"The images of {source} have different sizes: {common}{more} among {sizes.total()} sampled images; set --size "
        "to resize all to one."
    )
