"""Which store an address names."""

from functools import lru_cache
from pathlib import Path

from storage.credentials import require_plain
from storage.errors import InputError
from storage.stores.local import LocalStore
from storage.stores.store import Store, StorePath

SCHEMES = ("s3://", "gs://", "az://")


def open_store(address: str | Path) -> Store:
    """The local folder, or the prefix of an object store, at an address; whether there is anything or not.

    Raises
    ------
    InputError
        If the address is a URL of another kind, or holds what may be a password.
    """
    text = require_plain(str(address))
    if text.startswith(SCHEMES):
        return object_store(text.rstrip("/"))
    if "://" in text:
        raise InputError(f"The address {text} is neither a local path nor does it begin with {', '.join(SCHEMES)}.")
    return LocalStore(Path(text).absolute())


def open_path(address: str | Path) -> StorePath:
    """The file or folder at an address."""
    return StorePath(open_store(address))


@lru_cache
def object_store(address: str) -> Store:
    """One client an address, so that connections are used again; local folders do not need what takes long to load."""
    from storage.stores.objects import ObjectStore  # noqa: PLC0415

    return ObjectStore(address)
