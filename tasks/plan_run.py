"""Look at a dataset, check the settings against it, and lay out the run: nothing is computed yet."""

import dataclasses
import hashlib
import json
import os
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.arrays import create_array
from storage.errors import InputError
from storage.files import write_file
from storage.images import ImageForm
from storage.settings import Settings
from storage.source import Sample, open_source, probe
from storage.tables import LISTING, read_table, table_writer, to_table
from storage.workspace import RunPaths, Workspace, checked_run_id, new_run_id
from tasks.plan import Plan
from tasks.relabelling import sample_ids
from tasks.wavelet import WaveletTransform

MANY_SIZES = 5  # sizes named in a message


@dataclass(frozen=True)
class Job:
    """All that a worker must know of a run: names and numbers, no data.

    Attributes
    ----------
    source
        Address of the dataset.
    folder
        The workspace.
    run_id
        The run.
    fitted_split
        Split that patterns are fitted on.
    attempt
        Another each time the run is begun or continued: what a worker remembers of a dataset must not outlive it.
    """

    source: str
    folder: str
    run_id: str
    settings: Settings
    plan: Plan
    fitted_split: str
    attempt: str

    @property
    def workspace(self) -> Workspace:
        """The workspace's paths."""
        return Workspace(Path(self.folder))

    @property
    def paths(self) -> RunPaths:
        """The run's paths."""
        return self.workspace.run(self.run_id)

    @property
    def form(self) -> ImageForm:
        """The shape images are brought to."""
        fit = self.settings.fit if self.settings.size else None
        return ImageForm(self.plan.height, self.plan.width, self.plan.channels, fit)

    @cached_property
    def transform(self) -> WaveletTransform:
        """The wavelet transform."""
        return _transform(self.settings, self.plan.height, self.plan.width, self.plan.channels)

    def part(self, shard: int, columns: list[str]) -> Any:  # noqa: ANN401 - an Arrow table
        """Some columns of what became of the images of a shard."""
        return read_table(self.paths.part(shard), columns)

    def used(self, shard: int) -> npt.NDArray[np.bool_]:
        """Which rows of a shard are fitted on: valid, and of the right split."""
        part = self.part(shard, ["split", "reason"]).to_pydict()
        return np.array(
            [
                reason is None and split == self.fitted_split
                for split, reason in zip(part["split"], part["reason"], strict=True)
            ],
            dtype=np.bool_,
        )


@dataclass(frozen=True)
class Outlook:
    """A dataset looked at: its classes and samples, the split to fit on, how many files were passed over, the plan."""

    classes: tuple[str, ...]
    samples: Sequence[Sample]
    fitted_split: str
    ignored: int
    plan: Plan


def plan_run(source: str, settings: Settings) -> Outlook:
    """Plan the analysis of a dataset.

    Raises
    ------
    InputError
        If the dataset cannot be analysed with these settings.
    """
    opened = open_source(address_of(source))
    samples = opened.samples()
    if not samples:
        raise InputError(f"{source} holds no images; {opened.ignored} files there have no ending of an image format.")
    fitted_split = samples[0].split
    labels = Counter(sample.class_id for sample in samples if sample.split == fitted_split)
    if len(labels) < 2:  # noqa: PLR2004
        raise InputError(
            f"{source} has images of one class only ({opened.classes[next(iter(labels))]}, split {fitted_split}); "
            "association needs two or more."
        )
    looked = probe(opened, samples)
    if not looked.sizes:
        raise InputError(f"None of the images of {source} can be read; check what its files are.")
    width, height = (settings.size, settings.size) if settings.size else _only_size(source, looked.sizes)
    try:
        plan = Plan.make(
            images=len(samples),
            fitted=labels.total(),
            classes=len(opened.classes),
            transform=_transform(settings, height, width, looked.channels),
            rank=settings.rank,
            oversample=settings.oversample,
            passes=settings.passes,
            centre=settings.centre,
            shard_size=settings.shard_size,
        )
    except ValueError as error:
        raise InputError(str(error)) from None
    return Outlook(opened.classes, samples, fitted_split, opened.ignored, plan)


def begin_run(source: str, settings: Settings, workspace: Workspace, run_id: str | None = None) -> Job:
    """Lay out a run, or find the interrupted one that had the same settings and the same samples.

    Parameters
    ----------
    source
        Address of the dataset.
    settings
        The settings.
    workspace
        Where runs lie; it must be prepared and locked.
    run_id
        Name of the run; by default that of an interrupted run, or a new one.

    Raises
    ------
    InputError
        If the dataset cannot be analysed with these settings, or the run id belongs to another run.
    """
    source = address_of(source)
    outlook = plan_run(source, settings)
    layout = {
        "source": source,
        "fitted_split": outlook.fitted_split,
        "classes": outlook.classes,
        "plan": dataclasses.asdict(outlook.plan),
        "samples": hashlib.sha256("\n".join(map(repr, outlook.samples)).encode()).hexdigest(),
    }
    contents = (settings.result_part().encode(), json.dumps(layout, indent=2).encode())
    paths = _chosen_run(workspace, run_id, contents)
    job = Job(
        source=source,
        folder=str(workspace.folder.absolute()),
        run_id=paths.run_id,
        settings=settings,
        plan=outlook.plan,
        fitted_split=outlook.fitted_split,
        attempt=secrets.token_hex(4),
    )
    if not paths.plan.exists():
        write_file(paths.settings, contents[0])
        _write_listing(job, outlook.samples)
        _create_arrays(job)
        write_file(paths.plan, contents[1])
    return job


def address_of(source: str) -> str:
    """The address of a dataset as workers see it: paths are absolute, a trailing slash is dropped."""
    return source if source == "digits" else os.path.abspath(source)  # noqa: PTH100 - keeps links as they are


def _transform(settings: Settings, height: int, width: int, channels: int) -> WaveletTransform:
    return WaveletTransform(settings.wavelet, settings.mode, settings.level, height, width, channels)


def _only_size(source: str, sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    if len(sizes) == 1:
        return next(iter(sizes))
    common = ", ".join(f"{width} x {height} ({count})" for (width, height), count in sizes.most_common(MANY_SIZES))
    more = f" and {len(sizes) - MANY_SIZES} more" if len(sizes) > MANY_SIZES else ""
    raise InputError(
        f"The images of {source} have different sizes: {common}{more} among {sizes.total()} looked at; "
        "set --size to bring all to one."
    )


def _chosen_run(workspace: Workspace, run_id: str | None, contents: tuple[bytes, bytes]) -> RunPaths:
    if run_id is not None:
        paths = workspace.run(checked_run_id(run_id))
        if paths.manifest.exists():
            raise InputError(f"The run {run_id} is finished already; choose another --run-id or leave it out.")
        if paths.plan.exists() and not _same(paths, contents):
            raise InputError(
                f"The unfinished run {run_id} has other settings or samples; choose another --run-id, or remove "
                f"{paths.folder}."
            )
        return paths
    for paths in reversed(workspace.runs()):
        if not paths.manifest.exists() and _same(paths, contents):
            return paths
    return workspace.run(new_run_id())


def _same(paths: RunPaths, contents: tuple[bytes, bytes]) -> bool:
    try:
        return (paths.settings.read_bytes(), paths.plan.read_bytes()) == contents
    except OSError:
        return False


def _write_listing(job: Job, samples: Sequence[Sample]) -> None:
    with table_writer(job.paths.listing, LISTING, {"run_id": job.run_id}) as writer:
        for shard in range(job.plan.shards):
            rows = job.plan.rows(shard)
            keys, class_ids, splits = zip(*samples[rows.start : rows.stop], strict=True)
            columns = {
                "row": np.arange(rows.start, rows.stop),
                "key": keys,
                "shard": np.full(len(rows), shard, np.int32),
                "class_id": class_ids,
                "split": splits,
                "sample_id": sample_ids(keys),
            }
            writer.write_table(to_table(LISTING, columns), row_group_size=len(rows))


def _create_arrays(job: Job) -> None:
    plan = job.plan
    bands = [dataclasses.asdict(band) for band in job.transform.bands]
    create_array(
        job.paths.coefficients,
        shape=(plan.images, plan.coefficients),
        chunks=(plan.rows_per_shard, plan.coefficients),
        dimensions=("image", "coefficient"),
        attributes={
            "wavelet": job.settings.wavelet,
            "mode": job.settings.mode,
            "image_shape": [plan.height, plan.width, plan.channels],
            "column_order": "band, channel, row, column",
            "bands": bands,
        },
    )
    create_array(
        job.paths.scores,
        shape=(plan.images, plan.rank),
        chunks=(plan.rows_per_shard, plan.rank),
        dimensions=("image", "pattern"),
        attributes={},
    )
