"""JSON files that hold a digest of their own content, so that every flipped bit is detected."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from storage.stores.files import write_file
from storage.stores.store import StorePath

DIGEST = "sha256_of_the_rest"


def write_checked(path: StorePath, content: Mapping[str, Any]) -> None:
    """Write an object with its digest as the last entry."""
    write_file(path, encoded(content))


def read_checked(path: StorePath) -> dict[str, Any]:
    """Read an object that `write_checked` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a single bit differs from what was written.
    """
    stored = path.read_bytes()
    try:
        content = json.loads(stored)
        sound = isinstance(content, dict) and content.pop(DIGEST, None) is not None and encoded(content) == stored
    except RecursionError:  # brackets in brackets
        sound = False
    if not sound:
        raise ValueError("it is damaged")
    return content  # type: ignore[no-any-return]


def encoded(content: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file that holds the object and its digest."""
    digest = hashlib.sha256(json.dumps(content, allow_nan=False).encode()).hexdigest()
    return json.dumps({**content, DIGEST: digest}, indent=2, allow_nan=False).encode()
