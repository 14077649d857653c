"""A Blosc decoder for Zarr that checks a chunk's length first. The one of numcodecs reads past a chunk's cut end."""

from typing import Any

import numcodecs
import zarr
from numcodecs.compat import ensure_contiguous_ndarray
from zarr.codecs import BloscCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer

STATED = slice(12, 16)  # in Blosc's header: bytes of the chunk, header included


def use_checked_blosc() -> None:
    """Make Zarr decode Blosc with the classes of this module in this process."""
    numcodecs.register_codec(CheckedBlosc)
    zarr.config.set({"codecs.blosc": f"{CheckedBloscCodec.__module__}.{CheckedBloscCodec.__qualname__}"})
    zarr.registry.register_codec("blosc", CheckedBloscCodec, qualname=f"{__name__}.{CheckedBloscCodec.__qualname__}")


def _require_whole(content: bytes) -> None:
    """Refuse a chunk that has fewer bytes than its header states."""
    stated = int.from_bytes(content[STATED], "little")
    if not 0 < stated <= len(content):
        raise ValueError(f"it has {len(content)} bytes where its header states {stated}")


class CheckedBlosc(numcodecs.Blosc):  # type: ignore[misc]
    """The decoder for version 2 of Zarr."""

    codec_id = "blosc"

    def decode(self, buf: Any, out: Any = None) -> Any:  # noqa: ANN401 - as numcodecs has it
        """Decode a chunk."""
        _require_whole(ensure_contiguous_ndarray(buf).view("u1").tobytes())
        return super().decode(buf, out)


class CheckedBloscCodec(BloscCodec):
    """The decoder for version 3 of Zarr."""

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        _require_whole(chunk_bytes.to_bytes())
        return await super()._decode_single(chunk_bytes, chunk_spec)
