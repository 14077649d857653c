"""The manifest of a finished run: its results and its files. Written last, so a run that has one is complete."""

import importlib.metadata
import platform
from typing import Any

from pydantic import BaseModel, ConfigDict

from storage.errors import InputError
from storage.runs.layout import Layout
from storage.stores.checked_json import read_checked, write_checked
from storage.stores.store import StorePath

# 2: the arrays are members of one Zarr group, with coordinates.
FORMAT_VERSION = 2
LIBRARIES = ("eigenwave", "numpy", "scipy", "pywavelets", "pillow", "zarr", "pyarrow", "dask", "prefect")


class Manifest(BaseModel):
    """The results and files of a finished run.

    Attributes
    ----------
    format_version
        Version of the run's folder structure and of this file.
    run_id, source, source_format, created
        Name of the run, address of the dataset, and UTC time of sealing.
    dataset_digest
        SHA-256 over keys, labels, splits and image digests in row order.
    settings, plan
        Settings and plan of the run.
    layout
        Content of the run's plan.json.
    fitted_split, classes
        Split that patterns are fitted on, and the class names in the order of their ids.
    learnability
        The single row of the table learnability: result, expected value by chance, and shuffled control.
    energy
        Fraction of the energy about the mean that all patterns together hold.
    residual_max
        Largest relative residual of a pattern.
    rejected
        Number of quarantined images.
    repeated, conflicting
        Number of images with the same bytes as an earlier one, and of images that occur under several classes.
    solver, passes, warm_start
        Method of the decomposition, number of passes over the fitted images, and run it started from, or None.
    shards, judging_shards, property_shards
        Addresses of the shards of coefficients, of the coefficients that labels are judged by, and of properties of the
        images, in row order. Runs of earlier versions have no further shards than the first.
    files
        BLAKE3 of every file of the run by its path in the run's folder, except the manifest and its copy.
    seconds
        Wall time of each stage, in seconds, since the run was last continued.
    versions
        Versions of Python and the libraries.
    """

    model_config = ConfigDict(frozen=True)

    format_version: int
    run_id: str
    source: str
    source_format: str = ""
    created: str
    dataset_digest: str
    settings: dict[str, Any]
    plan: dict[str, int]
    layout: Layout
    fitted_split: str
    classes: tuple[str, ...]
    learnability: dict[str, float | int | None]
    energy: float
    residual_max: float
    rejected: int
    repeated: int = 0
    conflicting: int = 0
    solver: str
    passes: int
    warm_start: str | None
    shards: tuple[str, ...]
    judging_shards: tuple[str, ...] = ()
    property_shards: tuple[str, ...] = ()
    files: dict[str, str]
    seconds: dict[str, float]
    versions: dict[str, str]

    @property
    def all_shards(self) -> tuple[str, ...]:
        """Addresses of the shards of all kinds."""
        return (*self.shards, *self.judging_shards, *self.property_shards)


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a result depends on."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in LIBRARIES}


def write_manifest(path: StorePath, manifest: Manifest) -> None:
    """Write the manifest."""
    write_checked(path, manifest.model_dump(mode="json"))


def read_manifest(path: StorePath) -> Manifest:
    """Read a manifest.

    Raises
    ------
    InputError
        If it is damaged, or was written by a newer version.
    """
    try:
        content = read_checked(path)
        # Check the version first: a later format may have other entries.
        version = content.get("format_version")
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise InputError(
                f"{path} has format version {version}, but this eigenwave reads at most version {FORMAT_VERSION}; "
                "update eigenwave."
            )
        return Manifest.model_validate(content)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"The manifest {path} cannot be read: {reason}; eigenwave repair restores what it can."
        ) from None
