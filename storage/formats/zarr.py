"""Zarr groups, version 2 or 3, with arrays of images and labels under their usual names."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from storage.datasets.files import Files
from storage.datasets.findings import Finding, Findings, counted
from storage.datasets.source import Source
from storage.errors import EigenwaveError, InputError
from storage.formats.arrays import array_source, attribute_names, named_pairs
from storage.formats.rows import SlicedArray

METADATA, METADATA_2 = "zarr.json", ".zgroup"
# Codecs and filters that only compress or rearrange numbers. Others may run code (pickle) or create objects.
CODECS = frozenset(
    {"bytes", "endian", "transpose", "sharding_indexed", "vlen-utf8", "vlen-bytes"}
    | {"blosc", "bz2", "gzip", "lz4", "lzma", "pcodec", "zfpy", "zlib", "zstd"}
    | {"adler32", "crc32", "crc32c", "fletcher32", "jenkins_lookup3"}
    | {"astype", "bitround", "delta", "fixedscaleoffset", "packbits", "quantize", "shuffle"}
)


def knows(name: str) -> bool:
    """Whether a file is that of a Zarr group, by its name."""
    return name == METADATA


def find_zarr(files: Files, names: Sequence[str]) -> Source | None:
    """The dataset, if a folder is a Zarr group."""
    if METADATA not in names and not _is_version_2(files, names):
        return None
    import zarr  # noqa: PLC0415 - slow to import

    from storage.formats.zarr_codecs import use_checked_blosc  # noqa: PLC0415 - imports zarr

    use_checked_blosc()
    try:
        group = zarr.open_group(files.zarr(), mode="r")
        arrays = {name: array for name, array in group.members(max_depth=None) if isinstance(array, zarr.Array)}
    except Exception as error:  # noqa: BLE001 - damaged metadata raises anything
        raise InputError(f"{files} is not a Zarr group: {type(error).__name__}: {error}.") from None
    findings = Findings()
    pairs = {
        split: tuple(_array(f"{files}/{name}", arrays[name], findings) for name in chosen)
        for split, chosen in named_pairs(str(files), arrays).items()
    }
    return array_source(str(files), pairs, attribute_names(group.attrs), findings)  # type: ignore[arg-type]


def _is_version_2(files: Files, names: Sequence[str]) -> bool:
    """Whether a folder holds the hidden file that makes it a group of version 2."""
    if any("/" not in name for name in names):
        return False  # the folder holds files of another format, or the user named one of its files
    try:
        return files.size(METADATA_2) > 0
    except (OSError, EigenwaveError):
        return False


def _array(where: str, array: Any, findings: Findings) -> SlicedArray:  # noqa: ANN401 - a Zarr array
    for codec in _codecs(array.metadata.to_dict()):
        if codec.removeprefix("numcodecs.") not in CODECS:
            raise InputError(
                f"{where} is encoded with {codec}, which may run code or is not known; write it again with another one."
            )
    return SlicedArray(where, array, partial(_require_chunks, where, array, findings))


def _codecs(metadata: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Names of all codecs and filters in an array's metadata, including nested ones."""
    if isinstance(metadata, dict):
        listed = [metadata.get(name) for name in ("codecs", "index_codecs", "filters", "compressor")]
        for entry in (entry for some in listed for entry in (some if isinstance(some, list | tuple) else [some])):
            if isinstance(entry, dict):
                yield str(entry.get("name", entry.get("id")))
                yield from _codecs(entry.get("configuration"))


def _require_chunks(where: str, array: Any, findings: Findings) -> None:  # noqa: ANN401 - a Zarr array
    """Refuse missing chunks unless they may be full of the fill value, since Zarr does not write such chunks."""
    missing = array.nchunks - array.nchunks_initialized
    if missing and (array.fill_value is None or missing == array.nchunks):
        raise InputError(
            f"{where} has {array.nchunks_initialized} of {array.nchunks} chunks, and nothing says what the missing "
            "ones hold; write it again."
        )
    if missing:
        chunks = counted(missing, f"chunk of {where}")
        text = f"Filled {chunks} with the fill value {array.fill_value}: nothing was written there."
        findings.notes.append(Finding("missing chunks", text, missing))
