"""The manifest: what a finished run is made of. Written last, so a run that has one is complete."""

import importlib.metadata
import platform
from typing import Any

from pydantic import BaseModel, ConfigDict

from storage.errors import InputError
from storage.runs.layout import Layout
from storage.stores.checked_json import read_checked, write_checked
from storage.stores.store import StorePath

FORMAT_VERSION = 1
LIBRARIES = ("eigenwave", "numpy", "scipy", "pywavelets", "pillow", "zarr", "pyarrow", "dask", "prefect")


class Manifest(BaseModel):
    """What a finished run is made of.

    Attributes
    ----------
    format_version
        Of the run's layout and of this file.
    run_id, source, created
        Name of the run, address of the dataset, and UTC time of sealing.
    dataset_digest
        SHA-256 over keys, labels, splits and image digests in row order.
    settings, plan
        As the run used them.
    layout
        What the run's plan.json holds.
    fitted_split, classes
        Split that patterns are fitted on, and the class names in the order of their ids.
    learnability
        The one row of the table of that name: result, null and shuffled control.
    energy
        Part of the energy about the mean that all patterns together hold.
    residual_max
        Largest relative residual of a pattern.
    rejected
        Images that were quarantined.
    repeated, conflicting
        Images with the bytes of an earlier one, and images that are there under more than one class.
    solver, passes, warm_start
        How the coefficients were decomposed, in how many passes over the fitted images, starting from which run.
    shards
        Addresses of the shards, in row order.
    files
        BLAKE3 of every file of the run by its path in the run's folder, this one and its copy apart.
    seconds
        Wall time of each stage, in this process's part of the run.
    versions
        Of Python and the libraries.
    """

    model_config = ConfigDict(frozen=True)

    format_version: int
    run_id: str
    source: str
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
    files: dict[str, str]
    seconds: dict[str, float]
    versions: dict[str, str]


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries a result depends on."""
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
        # Before anything else of it is looked at: a later format may have other entries.
        version = content.get("format_version")
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise InputError(
                f"{path} has format version {version}, this eigenwave reads up to {FORMAT_VERSION}; update eigenwave."
            )
        return Manifest.model_validate(content)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"The manifest {path} cannot be read: {reason}; eigenwave repair brings back what can be."
        ) from None
