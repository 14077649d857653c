"""Look at a dataset and check the settings against it: nothing is read but names and headers, nothing is written."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import InputError
from storage.open_source import address_of, open_source
from storage.settings import Settings
from storage.source import bad_images, probe
from tasks.memory import require_memory, stage_memory
from tasks.modulus import ModulusTransform
from tasks.plan import Plan
from tasks.require_good import allowed, require_few
from tasks.solver import Cost
from tasks.space import CoefficientSpace
from tasks.wavelet import WaveletTransform

MANY_SIZES = 5  # sizes named in a message


@dataclass(frozen=True)
class Outlook:
    """A dataset looked at.

    Attributes
    ----------
    classes, samples
        Of the dataset.
    fitted_split
        Split to fit on.
    ignored
        Files passed over.
    plan, energy
        What a run would do, and the part of the energy that decides how many patterns it keeps, if any.
    costs
        Of each solver.
    memory
        Projected peak bytes of a process in each stage.
    memory_limit
        Bytes a process may use.
    """

    classes: tuple[str, ...]
    samples: pa.Table
    fitted_split: str
    ignored: int
    plan: Plan
    energy: float | None
    costs: Sequence[Cost]
    memory: Mapping[str, int]
    memory_limit: int


def plan_run(source: str, settings: Settings) -> Outlook:
    """Plan the analysis of a dataset.

    Raises
    ------
    InputError
        If the dataset cannot be analysed with these settings.
    EigenwaveError
        If too many images have headers that cannot be read.
    """
    opened = open_source(address_of(source))
    samples = opened.samples()
    if not len(samples):
        raise InputError(f"{source} holds no images; {opened.ignored} files there have no ending of an image format.")
    fitted_split = samples["split"][0].as_py()
    labels = samples.filter(pc.equal(samples["split"].cast(pa.string()), fitted_split))["class_id"]
    if pc.count_distinct(labels).as_py() < 2:  # noqa: PLR2004
        raise InputError(
            f"{source} has images of one class only ({opened.classes[labels[0].as_py()]}, split {fitted_split}); "
            "association needs two or more."
        )
    looked = probe(opened, samples)
    if not looked.sizes:
        raise InputError(f"None of the images of {source} can be read; check what its files are.")
    # If the few that were looked at are too bad, all are looked at before anything is computed.
    if len(looked.bad) > settings.max_bad_fraction * (looked.sizes.total() + len(looked.bad)):
        bad = bad_images(opened, samples, allowed(settings, len(samples)))
        require_few(((key, error.reason, error.detail) for key, error in bad), len(samples), settings)
    width, height = (settings.size, settings.size) if settings.size else _only_size(source, looked.sizes)
    try:
        plan = Plan.make(
            images=len(samples),
            fitted=len(labels),
            classes=len(opened.classes),
            space=coefficient_space(settings, height, width, looked.channels),
            rank=settings.rank,
            oversample=settings.oversample,
            passes=None if settings.passes == "auto" else settings.passes,
            centre=settings.centre,
            shard_size=settings.shard_size,
            value_bytes=np.dtype(settings.dtype).itemsize,
            scales=settings.scales,
            solver=settings.solver,
        )
        limit = settings.memory_limit or machine_memory() // _processes(settings)
        require_memory(plan, settings.permutations, limit)
    except ValueError as error:
        raise InputError(str(error)) from None
    return Outlook(
        classes=opened.classes,
        samples=samples,
        fitted_split=fitted_split,
        ignored=opened.ignored,
        plan=plan,
        energy=settings.energy,
        costs=plan.costs(None if settings.passes == "auto" else settings.passes),
        memory=stage_memory(plan, settings.permutations),
        memory_limit=limit,
    )


def machine_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _processes(settings: Settings) -> int:
    return (settings.workers or os.cpu_count() or 1) if settings.cluster == "local" else 1


def coefficient_space(settings: Settings, height: int, width: int, channels: int) -> CoefficientSpace:
    """The space that the settings name, for images of one shape."""
    transform = (
        WaveletTransform(settings.wavelet, settings.mode, settings.level, height, width)
        if settings.transform == "dwt"
        else ModulusTransform(settings.wavelet, settings.level, height, width)
    )
    return CoefficientSpace(transform, channels, settings.colour, settings.bands, settings.weights, settings.threshold)


def _only_size(source: str, sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    if len(sizes) == 1:
        return next(iter(sizes))
    common = ", ".join(f"{width} x {height} ({count})" for (width, height), count in sizes.most_common(MANY_SIZES))
    more = f" and {len(sizes) - MANY_SIZES} more" if len(sizes) > MANY_SIZES else ""
    raise InputError(
        f"The images of {source} have different sizes: {common}{more} among {sizes.total()} looked at; "
        "set --size to bring all to one."
    )
