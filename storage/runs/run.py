"""A finished run, opened for reading."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from storage.datasets.findings import counted
from storage.errors import InputError
from storage.runs.manifest import Manifest, read_manifest
from storage.runs.workspace import DEFAULT_WORKSPACE, RUN_ID_PATTERN, RunPaths, Workspace, run_at
from storage.stores.open import SCHEMES
from storage.stores.store import StorePath

if TYPE_CHECKING:
    # At run time these are imported on first use, since a manifest can be read without them.
    import pyarrow as pa
    import xarray as xr
    import zarr


Image = npt.NDArray[np.float32]


class Tables(Mapping[str, "pa.Table"]):
    """The result tables of a run by name, read on access."""

    def __init__(self, paths: RunPaths) -> None:
        self._paths = paths

    def __getitem__(self, name: str) -> "pa.Table":
        from storage.tables.parquet import as_today, read_table  # noqa: PLC0415
        from storage.tables.schemas import COMPARISONS, TABLES  # noqa: PLC0415

        table = read_table(self._paths.table(name))
        return table if name == "columns" else as_today(table, {**TABLES, **COMPARISONS}[name])

    def __contains__(self, name: object) -> bool:
        return self._paths.table(str(name)).exists()

    def __iter__(self) -> Iterator[str]:
        found = (path.name for path in self._paths.tables.files())
        return iter(sorted(name.removesuffix(".parquet") for name in found))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Run:
    """A finished run, or a run that lacks only its manifest.

    Parameters
    ----------
    paths
        Paths of its files.
    manifest
        Its manifest; by default read from its file.

    Attributes
    ----------
    paths
        Paths of its files.
    tables
        Arrow tables by name, such as `tables["patterns"]`; `tables["columns"]` has the dataset's own columns, if any.
    """

    def __init__(self, paths: RunPaths, manifest: Manifest | None = None) -> None:
        self.paths = paths
        self.tables = Tables(paths)
        self._manifest = manifest

    @cached_property
    def manifest(self) -> Manifest:
        """The run's manifest."""
        return self._manifest or read_manifest(self.paths.manifest)

    def __repr__(self) -> str:
        return f"<Run {self.paths.run_id}: {'; '.join(self._facts())}>"

    def _repr_html_(self) -> str:
        """Describe the run in a notebook: its result, its control, and the path of its report."""
        facts = "<br>".join(escape(fact) for fact in self._facts())
        return f"<b>{escape(self.paths.run_id)}</b>: {facts}<br>report: <code>{escape(str(self.paths.report))}</code>"

    def _facts(self) -> list[str]:
        """Sentences on the run's dataset, and on its result and its control."""
        try:
            manifest = self.manifest
        except InputError as error:
            return [str(error)]
        row = manifest.learnability
        classes = counted(int(row["classes"] or 0), "class")
        counts = f"{counted(manifest.plan['images'], 'image')}, {row['n']:,} of them fitted, {classes}"
        return [
            f"{manifest.source}, {counts}, {counted(int(row['rank'] or 0), 'pattern')}",
            f"learnability {_rounded(row['learnability'])}, shuffled labels at most {_rounded(row['shuffled_max'])}",
        ]

    @property
    def coefficients(self) -> "zarr.Array[Any]":
        """Wavelet coefficients (images, coefficients) float32."""
        return _open(self.paths.coefficients)

    @property
    def mean(self) -> "zarr.Array[Any]":
        """Mean coefficients (coefficients,) float64; zeros if the run did not center."""
        return _open(self.paths.mean)

    @property
    def patterns(self) -> "zarr.Array[Any]":
        """Orthonormal patterns (patterns, coefficients) float32."""
        return _open(self.paths.patterns)

    @property
    def scores(self) -> "zarr.Array[Any]":
        """Scores (images, patterns) float32."""
        return _open(self.paths.scores)

    @property
    def judging_scores(self) -> "zarr.Array[Any]":
        """Scores that labels are judged by (images, k) float32: the run's own if it has no space for judging."""
        return _open(self.paths.judging_scores if self.manifest.plan.get("judging_rank") else self.paths.scores)

    @property
    def pictured(self) -> bool:
        """Whether the run is on images, so that patterns have pictures; False with --transform none."""
        # Not from the manifest, which a run that goes on has not.
        return bool(self.coefficients.attrs.get("transform") != "none")

    def require_images(self) -> None:
        """Refuse a run on features.

        Raises
        ------
        InputError
            If the run has --transform none.
        """
        if not self.pictured:
            raise InputError(
                f"The run {self.paths.run_id} is on features (--transform none), so it has no pictures. Its report "
                "and its tables have what it found."
            )

    @property
    def pattern_images(self) -> "zarr.Array[Any]":
        """Patterns as images (patterns, height, width, colors) float32; raises InputError for a run on features."""
        self.require_images()
        return _open(self.paths.pattern_images)

    @property
    def mean_image(self) -> "zarr.Array[Any]":
        """The mean as an image (height, width, colors) float32; zeros if the run did not center.

        Raises InputError for a run on features.
        """
        self.require_images()
        return _open(self.paths.mean_image)

    def issues(self) -> "pa.Table":
        """Return the table `issues`, the most severe first. `eigenwave.issues` chooses among them.

        Raises
        ------
        InputError
            If the run was written by a version without issues.
        """
        if "issues" not in self.tables:
            raise InputError(
                f"The run {self.paths.run_id} was written by an earlier version, which listed no issues; run its "
                "dataset again."
            )
        return self.tables["issues"]

    def to_xarray(self) -> "xr.Dataset":
        """Open all arrays of the run as one dataset, with names of what lies along their dimensions.

        Nothing is read but metadata. Arrays are Dask arrays, a chunk each; coordinates are read when you use them.

        Returns
        -------
        xarray.Dataset
            Arrays along image, pattern and coefficient, among others. Coordinates are key, class, split and row along
            image; singular_value and energy_share along pattern; band, scale, channel, band_row and band_column along
            coefficient. An image without a class has an empty text.

        Raises
        ------
        InputError
            If xarray is not installed, or the run was written by a version whose arrays have no coordinates.
        """
        try:
            import xarray as xr  # noqa: PLC0415 - an extra
        except ImportError:
            raise InputError("to_xarray needs xarray, which is not installed: pip install eigenwave[xarray].") from None
        group = self.paths.arrays
        if not self.paths.grouped:
            raise InputError(
                f"The run {self.paths.run_id} was written by an earlier version, whose arrays have no coordinates; run "
                "its dataset again."
            )
        store = group.store.zarr(group.key)
        dataset: xr.Dataset = xr.open_zarr(store)
        return dataset.assign_coords(xr.open_zarr(store, chunks=None).coords)  # groupby takes no Dask

    def pattern_image(self, number: int) -> Image:
        """Return a pattern as an image (height, width, channels) float32: the change of each pixel per unit of score.

        In a run with --transform modulus or scattering, all images are maps. A pattern's map is the change of the mean
        log modulus of each channel.
        """
        return np.asarray(self.pattern_images[number])

    def generalized_pattern_image(self, number: int) -> Image:
        """Return a pattern of the table generalized_patterns as an image whose coefficients have norm 1.

        Raises
        ------
        InputError
            If the run's coefficients cannot be turned into images.
        """
        return self._combined(_open(self.paths.generalized_loadings)[number], self.pattern_images.shape[0])

    def class_pattern_image(self, class_id: int, number: int = 0) -> Image:
        """Return a class's own pattern, by default the first, as an image whose coefficients have norm 1.

        Raises
        ------
        InputError
            If the run's coefficients cannot be turned into images.
        """
        return self._combined(_open(self.paths.class_loadings)[class_id, number], self.pattern_images.shape[0])

    def reconstruct(self, key: str, rank: int) -> Image:
        """Rebuild an image from the mean and the first `rank` patterns.

        Returns
        -------
        numpy.ndarray
            The image (height, width, channels) float32, not clipped to [0, 1].

        Raises
        ------
        InputError
            If the image does not exist or was rejected, the run has fewer patterns, or its coefficients cannot be
            turned into images.
        """
        most = self.pattern_images.shape[0]
        if not 0 <= rank <= most:
            raise InputError(f"The run {self.paths.run_id} has {most} patterns; choose a rank from 0 to {most}.")
        return np.asarray(self.mean_image[:]) + self._combined(self.scores[self.row(key)], rank)

    def row(self, key: str) -> int:
        """Return the row of an image in coefficients and scores.

        Raises
        ------
        InputError
            If the image does not exist or was rejected.
        """
        samples = self.tables["samples"]
        position = samples["key"].index(key).as_py()
        if position < 0:
            raise InputError(
                f"The run {self.paths.run_id} has no image {key!r}; the column key of its table samples lists the "
                f"names, such as {samples['key'][0].as_py()!r}."
            )
        if not samples["valid"][position].as_py():
            raise InputError(f"The image {key} was rejected; the table rejects says why.")
        return int(samples["row"][position].as_py())

    def _combined(self, weights: Any, rank: int) -> Image:  # noqa: ANN401 - an array from Zarr
        """Return the sum of the first `rank` pattern images times their weights (patterns,)."""
        images = np.asarray(self.pattern_images[:rank])
        return np.tensordot(np.asarray(weights, np.float32)[:rank], images, 1)


def open_run(run: str | Path | StorePath = "latest", *, workspace: str | Path = DEFAULT_WORKSPACE) -> Run:
    """Open a finished run.

    Parameters
    ----------
    run
        Folder or URL of a run, folder or URL of a workspace (for its latest run), a run id, or `latest`.
    workspace
        Folder or URL of the workspace, for a run id or `latest`.

    Returns
    -------
    Run
        The run. Only its manifest is read until you access more.

    Raises
    ------
    InputError
        If the run does not exist or was never finished. The message says which, and where it was searched.

    Examples
    --------
    >>> run = eigenwave.open_run("eigenwave-workspace")
    >>> run.tables["patterns"].to_pandas()
    """
    address = str(run).rstrip("/")
    folder, _, last = address.rpartition("/")
    if folder and last == "latest":
        return Run(Workspace(folder.removesuffix("/runs")).find("latest"))
    if address.startswith(SCHEMES) or Path(address).is_dir():
        return Run(run_at(address))
    if address != "latest" and not RUN_ID_PATTERN.fullmatch(address):
        raise InputError(f"There is no folder {address}; pass the folder of a run, a run id, or a workspace.")
    space = Workspace(workspace)
    if not space.folder.is_dir():
        raise InputError(
            f"The workspace {space.folder}, in which to look for the run {address}, does not exist; pass workspace=, "
            "or the folder of the run."
        )
    return Run(space.find(address))


def _rounded(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"


def _open(path: StorePath) -> "zarr.Array[Any]":
    from storage.arrays.zarr import open_array  # noqa: PLC0415

    return open_array(path)
