"""Lay a run out on disk: its settings, plan, listing of samples and empty array; or find the one to continue."""

import dataclasses
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.arrays import ArraySpec, create_array
from storage.batches import read_batch, write_batches
from storage.errors import InputError
from storage.files import remove_partials, write_file
from storage.images import ImageForm
from storage.open_source import address_of
from storage.settings import Settings
from storage.tables import LISTING, PART
from storage.workspace import RunPaths, Workspace, checked_run_id, new_run_id
from tasks.find_warm_start import find_warm_start, last_of_source
from tasks.order_rows import REMOVED, find_rows
from tasks.plan import Plan
from tasks.plan_run import coefficient_space, plan_run
from tasks.relabelling import sample_ids
from tasks.require_room import require_room
from tasks.scales import Scale, families
from tasks.space import CoefficientSpace

DIGESTED_AT_ONCE = 2**16


@dataclass(frozen=True)
class Job:
    """All that a worker must know of a run: names and numbers, no data.

    Attributes
    ----------
    source
        Address of the dataset.
    folder
        Address of the workspace.
    run_id
        The run.
    fitted_split
        Split that patterns are fitted on.
    warm_start
        Folder of a finished run whose patterns the decomposition starts from, or None.
    rows_of
        Folder of a finished run that images have their rows from, or None.
    compared_with
        Id of the last finished run of the same source, that this one is compared with, or None.
    attempt
        Another each time the run is begun or continued: what a worker remembers of a dataset must not outlive it.
    runs
        Folder of the workspace that the run's folder is in.
    """

    source: str
    folder: str
    run_id: str
    settings: Settings
    plan: Plan
    fitted_split: str
    warm_start: str | None
    rows_of: str | None
    compared_with: str | None
    attempt: str
    runs: str = "runs"

    @property
    def workspace(self) -> Workspace:
        """The workspace's paths."""
        return Workspace(self.folder)

    @property
    def paths(self) -> RunPaths:
        """The run's paths."""
        return self.workspace.run(self.run_id, self.runs)

    @property
    def form(self) -> ImageForm:
        """The shape images are brought to."""
        fit = self.settings.fit if self.settings.size else None
        return ImageForm(self.plan.height, self.plan.width, self.plan.channels, fit, self.settings.value_range)

    @property
    def pixels(self) -> int:
        """Pixel values an image."""
        return self.plan.height * self.plan.width * self.plan.channels

    @cached_property
    def space(self) -> CoefficientSpace:
        """The space of the coefficients."""
        return coefficient_space(self.settings, self.plan.height, self.plan.width, self.plan.channels)

    @cached_property
    def scales(self) -> list[list[Scale]]:
        """The columns that are decomposed on their own, in families that do not overlap."""
        return families(self.space.bands, self.space.channels)

    def listed(self, shard: int) -> Any:  # noqa: ANN401 - an Arrow table
        """The samples of a shard, as the dataset has them."""
        return read_batch(self.paths.listing, shard)

    def part(self, shard: int, columns: list[str]) -> Any:  # noqa: ANN401 - an Arrow table
        """Some columns of what became of the images of a shard, and of the listing, which says who they are."""
        part = read_batch(self.paths.part(shard))
        others = [name for name in columns if name not in PART.names]
        if others:
            listed = self.listed(shard)
            for name in others:
                part = part.append_column(name, listed[name])
        return part.select(columns)

    def used(self, shard: int) -> npt.NDArray[np.bool_]:
        """Which rows of a shard are fitted on: valid, and of the right split."""
        part = self.part(shard, ["split", "reason"])
        used = pc.and_(pc.is_null(part["reason"]), pc.equal(part["split"].cast("string"), self.fitted_split))
        return np.asarray(used)


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
        If the dataset cannot be analysed with these settings, the disk has no room, or the run id is another's.
    """
    source = address_of(source)
    outlook = plan_run(source, settings)
    layout: dict[str, Any] = {
        "source": source,
        "fitted_split": outlook.fitted_split,
        "classes": outlook.classes,
        "plan": dataclasses.asdict(outlook.plan),
        "samples": _digest(outlook.samples),
    }
    layout["warm_start"] = find_warm_start(workspace, settings, layout)
    rows = find_rows(workspace, settings, layout, outlook.samples)
    plan = outlook.plan.keeping(rows.rows_per_shard, rows.masked, _last_fitted(rows.samples, outlook.fitted_split))
    earlier = last_of_source(workspace, settings, layout, centred_alike=True)
    layout |= {
        "plan": dataclasses.asdict(plan),
        "rows_of": rows.run and str(rows.run.folder),
        "compared_with": earlier and earlier.run_id,
    }
    contents = (settings.result_part().encode(), encoded(layout))
    paths = _chosen_run(workspace, run_id, contents)
    require_room(workspace, paths, rows.run, plan, settings.permutations)
    job = Job(
        source=source,
        folder=str(workspace.folder),
        run_id=paths.run_id,
        settings=settings,
        plan=plan,
        fitted_split=outlook.fitted_split,
        warm_start=layout["warm_start"],
        rows_of=layout["rows_of"],
        compared_with=layout["compared_with"],
        attempt=secrets.token_hex(4),
    )
    remove_partials(paths.folder)
    if paths.plan.exists():
        # Files may look otherwise than when the run was interrupted.
        _write_listing(job, rows.samples)
    else:
        lay_out(job, rows.samples, contents)
    return job


def _last_fitted(samples: pa.Table, split: str) -> int:
    """Rows up to the last image of a split."""
    return int(np.flatnonzero(np.asarray(fitted(samples, split)))[-1]) + 1


def fitted(samples: pa.Table, split: str) -> pa.ChunkedArray:
    """Which rows hold an image of a split."""
    there = pc.not_equal(samples["class_id"], REMOVED)
    return pc.and_(there, pc.equal(samples["split"].cast(pa.string()), split))


def lay_out(job: Job, samples: pa.Table, contents: tuple[bytes, bytes]) -> None:
    """Write what a run starts from; its plan last."""
    write_file(job.paths.settings, contents[0])
    _write_listing(job, samples)
    _create_array(job)
    write_file(job.paths.plan, contents[1])


def start_over(job: Job) -> None:
    """Remove all that the run has beyond what it started from; its shards stay in the workspace.

    Parts go first and the mark that all of them are there goes last: who is killed in between starts over again.
    """
    paths = job.paths
    kept = {paths.settings, paths.plan, paths.listing, paths.coefficients / "zarr.json"}
    gone = [path for path in paths.folder.files() if path not in kept]
    for path in sorted(gone, key=lambda path: (path == paths.transformed, not path.is_below(paths.parts))):
        path.unlink()


def encoded(layout: Mapping[str, Any]) -> bytes:
    """What a run's plan.json holds."""
    return json.dumps(layout, indent=2).encode()


def _chosen_run(workspace: Workspace, run_id: str | None, contents: tuple[bytes, bytes]) -> RunPaths:
    if run_id is not None:
        paths = workspace.run(checked_run_id(run_id))
        if paths.finished:
            raise InputError(f"The run {run_id} is finished already; choose another --run-id or leave it out.")
        if paths.plan.exists() and not _same(paths, contents):
            raise InputError(
                f"The unfinished run {run_id} has other settings or samples; choose another --run-id, or remove "
                f"{paths.folder}."
            )
        return paths
    for paths in reversed(workspace.runs()):
        if not paths.finished and _same(paths, contents):
            return paths
    return workspace.run(new_run_id())


def _same(paths: RunPaths, contents: tuple[bytes, bytes]) -> bool:
    try:
        return (paths.settings.read_bytes(), paths.plan.read_bytes()) == contents
    except OSError:
        return False


def _digest(samples: pa.Table) -> str:
    """Digest of keys, labels and splits in their order."""
    digest = hashlib.sha256()
    for batch in samples.select(["key", "class_id", "split"]).to_batches(max_chunksize=DIGESTED_AT_ONCE):
        digest.update(json.dumps(list(batch.to_pydict().values())).encode())
    return digest.hexdigest()


def _write_listing(job: Job, samples: pa.Table) -> None:
    def columns(shard: int) -> dict[str, Any]:
        rows = job.plan.rows(shard)
        listed = samples.slice(rows.start, len(rows))
        return dict(zip(listed.column_names, listed.columns, strict=True)) | {
            "row": np.arange(rows.start, rows.stop),
            "shard": np.full(len(rows), shard, np.int32),
            "sample_id": sample_ids(listed["key"].to_pylist()),
        }

    write_batches(job.paths.listing, LISTING, job.plan.shards, columns, {"run_id": job.run_id})


def _create_array(job: Job) -> None:
    plan = job.plan
    coefficients = ArraySpec(
        shape=(plan.row_count, plan.coefficients),
        chunks=(plan.rows_per_shard, plan.coefficients),
        dimensions=("image", "coefficient"),
        dtype=job.settings.dtype,
        attributes={
            "image_shape": [plan.height, plan.width, plan.channels],
            "channels": job.space.channels,
            "invertible": job.space.invertible,
            **{name: getattr(job.settings, name) for name in ("wavelet", "mode", "transform", "colour", "threshold")},
            "column_order": "band, channel, row, column",
            "bands": [dataclasses.asdict(band) for band in job.space.bands],
        },
    )
    create_array(job.paths.coefficients, coefficients)
