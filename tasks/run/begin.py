"""Begin a run: write its settings, plan, listing of samples and empty array; or find an interrupted run to continue."""

import dataclasses
import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from storage.arrays.zarr import ArraySpec, create_array
from storage.datasets.kept_columns import KeptColumns
from storage.errors import InputError
from storage.formats.open import address_of
from storage.runs.layout import Layout
from storage.runs.manifest import FORMAT_VERSION
from storage.runs.workspace import GROUPED, RunPaths, Workspace, checked_run_id, new_run_id
from storage.settings import Settings
from storage.stores.files import remove_partials, write_file
from storage.tables.batches import write_batches
from storage.tables.schemas import LISTING
from tasks.planning.groups import Groups, group_findings
from tasks.planning.limits import require_room
from tasks.planning.outlook import Outlook, plan_run
from tasks.run.columns import MOST_BYTES, write_columns
from tasks.run.earlier import find_warm_start, last_of_source
from tasks.run.job import Job, fitted
from tasks.run.rows import find_rows
from tasks.statistics.relabelling import sample_ids

DIGESTED_AT_ONCE = 2**16
LOGGER = logging.getLogger(__name__)


def begin_run(  # noqa: PLR0913 - the last three are not needed
    source: str,
    settings: Settings,
    workspace: Workspace,
    run_id: str | None = None,
    outlook: Outlook | None = None,
    *,
    tell: Callable[[str], None] = LOGGER.info,
) -> Job:
    """Begin a run, or continue the interrupted run with the same settings and samples.

    Parameters
    ----------
    source
        Address of the dataset.
    settings
        The settings.
    workspace
        Workspace of the run; it must be prepared and locked.
    run_id
        Id of the run; by default that of the interrupted run, or a new one.
    outlook
        Result of `plan_run` for this source and these settings; by default it is computed here.
    tell
        Function called with one sentence for each finding: an oddity of the dataset, or a part that is not read.

    Raises
    ------
    InputError
        If the dataset cannot be analyzed with these settings, the disk has too little space, or another run has the id.
    """
    source = address_of(source)
    outlook = outlook or plan_run(source, settings)
    for finding in outlook.findings:
        tell(finding.text)
    named = Groups(source, outlook.columns, settings.reading.group)
    groups = named.of(outlook.samples)
    for finding in group_findings(groups, outlook.samples, outlook.fitted_split):
        tell(finding.text)
    digest = _digest(outlook.samples, groups)
    layout = Layout(source, outlook.fitted_split, outlook.classes, outlook.plan, digest)
    rows = find_rows(workspace, settings, layout, outlook.samples)
    plan = outlook.plan.keeping(rows.rows_per_shard, rows.masked, _last_fitted(rows.samples, outlook.fitted_split))
    earlier = last_of_source(workspace, settings, layout, centred_alike=True)
    layout = dataclasses.replace(
        layout,
        plan=plan,
        warm_start=find_warm_start(workspace, settings, layout),
        rows_of=str(rows.run.folder) if rows.run else None,
        compared_with=earlier.run_id if earlier else None,
    )
    text = settings.result_part().encode()
    # An earlier version began runs whose labels are judged by their own patterns; those are continued as they began.
    earlier_plan = dataclasses.replace(plan, judging_coefficients=0, judging_rank=0)
    earlier_layout = dataclasses.replace(layout, plan=earlier_plan)
    paths = _chosen_run(workspace, run_id, [(text, each.encoded()) for each in (layout, earlier_layout)])
    if _same(paths, (text, earlier_layout.encoded())):
        layout, plan = earlier_layout, earlier_plan
    require_room(workspace, paths, rows.run, plan, settings.association.permutations)
    job = Job(
        source=source,
        folder=str(workspace.folder),
        run_id=paths.run_id,
        settings=settings,
        plan=plan,
        fitted_split=layout.fitted_split,
        format=outlook.format,
        warm_start=layout.warm_start,
        rows_of=layout.rows_of,
        compared_with=layout.compared_with,
        attempt=secrets.token_hex(4),
        most_pixels=outlook.most_pixels,
        format_version=FORMAT_VERSION if paths.grouped else GROUPED - 1,
    )
    remove_partials(paths.folder)
    if paths.plan.exists():
        # The stamps of files may have changed since the run was interrupted.
        _write_listing(job, rows.samples, named)
    else:
        lay_out(job, rows.samples, named, (text, layout.encoded()))
    bring_columns(job, rows.samples, outlook.columns, tell)
    return job


def _last_fitted(samples: pa.Table, split: str) -> int:
    """Return the number of rows up to the last image of a split."""
    return int(np.flatnonzero(np.asarray(fitted(samples, split)))[-1]) + 1


def lay_out(job: Job, samples: pa.Table, groups: Groups, contents: tuple[bytes, bytes]) -> None:
    """Write the files that a run starts from, its plan last."""
    write_file(job.paths.settings, contents[0])
    _write_listing(job, samples, groups)
    _create_array(job)
    write_file(job.paths.plan, contents[1])


def bring_columns(job: Job, samples: pa.Table, columns: KeptColumns | None, tell: Callable[[str], None]) -> None:
    """Write the table `columns`, if the dataset has columns beside image and label, and name values that it lacks.

    Parameters
    ----------
    job
        The run.
    samples
        All rows of the run.
    columns
        The dataset's columns, or None.
    tell
        Function called with a sentence for each column with values that are too large.
    """
    path = job.paths.table("columns")
    if columns is None:
        path.unlink()  # left from before an interruption
        return
    for name, count in write_columns(path, job.run_id, samples, columns).items():
        values = "1 value" if count == 1 else f"{count:,} values"
        tell(f"The table columns lacks {values} of {name!r}: they take more than {MOST_BYTES // 2**10} KiB each.")


def start_over(job: Job) -> None:
    """Remove all files of the run except those that it started from. Its shards stay in the workspace.

    Parts are removed first, and the marker that the transform is finished last. If the process is killed in between,
    the run starts over again.
    """
    paths = job.paths
    kept = {paths.settings, paths.plan, paths.work.listing, paths.coefficients / "zarr.json", paths.table("columns")}
    gone = [path for path in paths.folder.files() if path not in kept]
    for path in sorted(gone, key=lambda path: (path == paths.work.transformed, not path.is_below(paths.work.parts))):
        path.unlink()


def _chosen_run(workspace: Workspace, run_id: str | None, contents: Sequence[tuple[bytes, bytes]]) -> RunPaths:
    """Return the paths of the run with this id, or else of an interrupted run with one of the contents, or new ones."""
    if run_id is not None:
        paths = workspace.run(checked_run_id(run_id))
        if workspace.removal(run_id).exists():
            raise InputError(
                f"The run {run_id} is being removed, which was interrupted; finish that with eigenwave gc, or choose "
                "another --run-id."
            )
        if paths.finished:
            raise InputError(f"The run {run_id} is already finished; choose another --run-id or leave it out.")
        if paths.plan.exists() and not any(_same(paths, each) for each in contents):
            raise InputError(
                f"The unfinished run {run_id} has other settings or samples; choose another --run-id, or remove "
                f"{paths.folder}."
            )
        return paths
    for paths in reversed(workspace.runs()):
        if not paths.finished and any(_same(paths, each) for each in contents):
            return paths
    return workspace.run(new_run_id())


def _same(paths: RunPaths, contents: tuple[bytes, bytes]) -> bool:
    try:
        return (paths.settings.read_bytes(), paths.plan.read_bytes()) == contents
    except OSError:
        return False


def _digest(samples: pa.Table, groups: pa.ChunkedArray | None) -> str:
    """Return the SHA-256 of keys, labels, splits and, if there are any, groups, in the order of the samples."""
    digest = hashlib.sha256()
    known = samples.select(["key", "class_id", "split"])
    if groups is not None:
        known = known.append_column("group", groups)
    for batch in known.to_batches(max_chunksize=DIGESTED_AT_ONCE):
        digest.update(json.dumps(list(batch.to_pydict().values())).encode())
    return digest.hexdigest()


def _write_listing(job: Job, samples: pa.Table, groups: Groups) -> None:
    ids = groups.ids(samples)

    def columns(shard: int) -> dict[str, Any]:
        rows = job.plan.rows(shard)
        listed = samples.slice(rows.start, len(rows))
        return dict(zip(listed.column_names, listed.columns, strict=True)) | {
            "row": np.arange(rows.start, rows.stop),
            "shard": np.full(len(rows), shard, np.int32),
            "sample_id": sample_ids(listed["key"].to_pylist()),
            "group": pa.nulls(len(rows)) if ids is None else ids[rows.start : rows.stop],
        }

    write_batches(job.paths.work.listing, LISTING, job.plan.shards, columns, {"run_id": job.run_id})


def _described(settings: Settings) -> dict[str, Any]:
    """Describe the transform for the attributes of the coefficients."""
    if settings.coefficients.transform == "scattering":
        return settings.coefficients.model_dump(include={"transform", "colour"}) | settings.scattering.model_dump()
    if settings.coefficients.transform == "none":
        return settings.coefficients.model_dump(include={"transform"})
    return settings.coefficients.model_dump(include={"wavelet", "mode", "transform", "colour", "threshold"})


def _create_array(job: Job) -> None:
    plan, chosen = job.plan, job.settings.coefficients
    coefficients = ArraySpec(
        shape=(plan.row_count, plan.coefficients),
        chunks=(plan.rows_per_shard, plan.coefficients),
        dimensions=("image", "coefficient"),
        dtype=chosen.dtype,
        attributes={
            "image_shape": [plan.height, plan.width, plan.channels],
            "channels": job.space.channels,
            "invertible": job.space.invertible,
            **_described(job.settings),
            "column_order": "band, channel, row, column",
            "bands": [band.attributes for band in job.space.bands],
        },
    )
    create_array(job.paths.coefficients, coefficients)
