"""Open the store at an address."""

from functools import lru_cache
from pathlib import Path

from storage.credentials import require_plain
from storage.errors import InputError
from storage.stores.local import LocalStore
from storage.stores.store import Store, StorePath

SCHEMES = ("s3://", "gs://", "az://")


def open_store(address: str | Path) -> Store:
    """Open the local folder, or the prefix of an object store, at an address. It need not exist.

    Raises
    ------
    InputError
        If the address is a URL of another kind, or may hold a password.
    """
    text = require_plain(str(address))
    if text.startswith(SCHEMES):
        return object_store(text.rstrip("/"))
    if "://" in text:
        raise InputError(f"The address {text} is not a local path and begins with none of {', '.join(SCHEMES)}.")
    return LocalStore(Path(text).absolute())


def open_path(address: str | Path) -> StorePath:
    """Return the path of the file or folder at an address."""
    return StorePath(open_store(address))


@lru_cache
def object_store(address: str) -> Store:
    """Return the one client of an address, so that connections are reused. Imports obstore, which takes long."""
    from storage.stores.objects import ObjectStore  # noqa: PLC0415

    return ObjectStore(address)
