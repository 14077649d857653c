"""Shards of coefficients, stored once under an address made from all that they depend on."""

import hashlib
import importlib.metadata
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.arrays.zarr import CHECKSUM_BYTES, write_chunk
from storage.runs.workspace import Workspace
from storage.stores.checked_json import read_checked, write_checked

FORMAT_VERSION = 1
# The distributions whose versions decide what an image's coefficients are.
DECODERS = ("numpy", "pillow", "pywavelets", "simplejpeg")


@dataclass(frozen=True)
class Reject:
    """One image of a shard that could not be used: its position in the shard and why."""

    position: int
    reason: str
    detail: str


@dataclass(frozen=True)
class Marker:
    """What is written beside a chunk once it is complete.

    Attributes
    ----------
    key
        The shard's address.
    rows
        Images in the shard, rejected ones included.
    bytes, blake3
        Size and digest of the chunk file.
    rejects
        Images whose rows are NaN.
    """

    key: str
    rows: int
    bytes: int
    blake3: str
    rejects: tuple[Reject, ...]


def shard_key(image_digests: bytes, chunk_shape: tuple[int, int], transform: str, version: str) -> str:
    """The address of a shard: a digest of its images, in order, and one of everything that is done to them.

    Parameters
    ----------
    image_digests
        Digests of the stored bytes of the images, one after the other.
    chunk_shape
        Rows and columns of the chunk.
    transform
        Canonical description of the transform's settings and of the form images are brought to.
    version
        Of the code that decodes and transforms.
    """
    recipe = json.dumps([FORMAT_VERSION, chunk_shape, transform, version, _versions()], sort_keys=True)
    images = hashlib.sha256(image_digests)
    return f"{images.hexdigest()[:32]}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    """Of what decodes; looking them up takes longer than the rest of an address."""
    return {name: importlib.metadata.version(name) for name in DECODERS}


def same_recipe(key: str, other: str) -> bool:
    """Whether the same is done to the images of both shards."""
    return key.rpartition("-")[2] == other.rpartition("-")[2]


def find_shard(workspace: Workspace, key: str) -> Marker | None:
    """The marker of a complete shard, or None if it was never completed, or damaged: then it is to be made again."""
    marker = read_marker(workspace, key)
    return marker if marker and workspace.chunk(key).size() == marker.bytes else None


def read_marker(workspace: Workspace, key: str) -> Marker | None:
    """What a marker says, or None if there is none, or a damaged one."""
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
