"""A finished run, opened for reading."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.manifest import Manifest, read_manifest
from storage.store import StorePath
from storage.workspace import RunPaths, Workspace

if TYPE_CHECKING:
    # At run time these are imported when first used: reading a manifest needs neither.
    import pyarrow as pa
    import zarr


class Tables(Mapping[str, "pa.Table"]):
    """The result tables of a run by name, read when asked for."""

    def __init__(self, paths: RunPaths) -> None:
        self._paths = paths

    def __getitem__(self, name: str) -> "pa.Table":
        from storage.tables import TABLES, read_table  # noqa: PLC0415

        if name not in TABLES:
            raise KeyError(name)
        return read_table(self._paths.table(name))

    def __iter__(self) -> Iterator[str]:
        from storage.tables import TABLES  # noqa: PLC0415

        return iter(TABLES)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Run:
    """A finished run.

    Attributes
    ----------
    paths
        Where its files lie.
    tables
        Arrow tables by name, such as `tables["patterns"]`.
    """

    def __init__(self, paths: RunPaths) -> None:
        self.paths = paths
        self.tables = Tables(paths)

    @cached_property
    def manifest(self) -> Manifest:
        """What the run is made of."""
        return read_manifest(self.paths.manifest)

    @property
    def coefficients(self) -> "zarr.Array[Any]":
        """Wavelet coefficients (images, coefficients) float32."""
        return _open(self.paths.coefficients)

    @property
    def mean(self) -> "zarr.Array[Any]":
        """Mean coefficients (coefficients,) float64; zeros if the run did not centre."""
        return _open(self.paths.mean)

    @property
    def patterns(self) -> "zarr.Array[Any]":
        """Orthonormal patterns (patterns, coefficients) float32."""
        return _open(self.paths.patterns)

    @property
    def scores(self) -> "zarr.Array[Any]":
        """Scores (images, patterns) float32."""
        return _open(self.paths.scores)


def open_run(path: str | Path | StorePath) -> Run:
    """Open a finished run: the folder or URL of a run, or WORKSPACE/latest.

    Raises
    ------
    InputError
        If there is no finished run.
    """
    address = str(path).rstrip("/")
    folder, _, name = address.rpartition("/")
    if name == "latest":
        return Run(Workspace(folder.removesuffix("/runs") or ".").find("latest"))
    return Run(Workspace(folder.removesuffix("/runs") or ".").find(address))


def _open(path: StorePath) -> "zarr.Array[Any]":
    from storage.arrays import open_array  # noqa: PLC0415

    return open_array(path)
