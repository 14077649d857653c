"""Shards of coefficients, stored once under an address that is a hash of everything they depend on."""

import hashlib
import importlib.metadata
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.arrays.zarr import CHECKSUM_BYTES, write_chunk
from storage.runs.workspace import Workspace
from storage.stores.checked_json import read_checked, write_checked
from storage.tables.batches import metadata_of

FORMAT_VERSION = 1
# The packages whose versions an image's coefficients depend on.
DECODERS = ("numpy", "pillow", "pywavelets", "simplejpeg")


@dataclass(frozen=True)
class Reject:
    """An image of a shard that could not be used: its position in the shard, and the reason."""

    position: int
    reason: str
    detail: str


@dataclass(frozen=True)
class Marker:
    """The marker of a shard, written beside its chunk once that is complete.

    Attributes
    ----------
    key
        The shard's address.
    rows
        Number of images in the shard, rejected ones included.
    bytes, blake3
        Size in bytes and digest of the chunk file.
    rejects
        Rejected images, whose rows are NaN.
    """

    key: str
    rows: int
    bytes: int
    blake3: str
    rejects: tuple[Reject, ...]


def shard_key(image_digests: bytes, chunk_shape: tuple[int, int], transform: str, version: str) -> str:
    """Return the address of a shard: a digest of its images, in order, and a digest of their processing.

    Parameters
    ----------
    image_digests
        Digests of the stored bytes of the images, concatenated.
    chunk_shape
        Number of rows and columns of the chunk.
    transform
        Canonical description of the transform's settings and of the shape and channels of its input.
    version
        Version of the code that decodes and transforms.
    """
    recipe = json.dumps([FORMAT_VERSION, chunk_shape, transform, version, _versions()], sort_keys=True)
    images = hashlib.sha256(image_digests)
    return f"{images.hexdigest()[:32]}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    """Return the versions of the decoding packages; cached, since looking them up is slow."""
    return {name: importlib.metadata.version(name) for name in DECODERS}


# Kinds of shards, named as in the manifest, with the names of their addresses in the metadata of a part file.
KINDS = {"shards": "shard_key", "judging_shards": "judging_key", "property_shards": "property_key"}


def shard_keys(part: pa.Table) -> dict[str, str]:
    """Return the addresses in a part file by kind of shard: of coefficients, and of further kinds that the run has.

    An earlier version wrote the first only.
    """
    found = {kind: metadata_of(part, name, None) for kind, name in KINDS.items()}
    return {kind: key for kind, key in found.items() if key}


def same_recipe(key: str, other: str) -> bool:
    """Whether the images of both shards are processed in the same way."""
    return key.rpartition("-")[2] == other.rpartition("-")[2]


def find_shard(workspace: Workspace, key: str) -> Marker | None:
    """Return the marker of a complete shard, or None if the shard is incomplete or damaged and must be made again."""
    marker = read_marker(workspace, key)
    return marker if marker and workspace.chunk(key).size() == marker.bytes else None


def read_marker(workspace: Workspace, key: str) -> Marker | None:
    """Read a marker; None if it does not exist or is damaged."""
    try:
        content = read_checked(workspace.marker(key))
        return Marker(**{**content, "rejects": tuple(Reject(**reject) for reject in content["rejects"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def store_shard(
    workspace: Workspace, key: str, chunk: npt.NDArray[np.floating[Any]], rows: int, rejects: tuple[Reject, ...]
) -> Marker:
    """Write a shard's chunk, then its marker."""
    path = workspace.chunk(key)
    digest = write_chunk(path, chunk)
    marker = Marker(key, rows, chunk.nbytes + CHECKSUM_BYTES, digest, rejects)
    write_checked(workspace.marker(key), asdict(marker))
    return marker
