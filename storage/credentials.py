"""Credentials stay where they are: in the environment, or with the machine's role.

What a user writes into an address or a setting is kept: in manifests, Prefect's database and logs, and sent to workers.
So neither may hold a secret, and a setting that needs one names a variable of the environment instead.
"""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from storage.errors import InputError

USER = re.compile(r"(?<=://)[^/]*@")
QUERY = re.compile(r"(?<=.://)([^?]*)\?.*", re.DOTALL)
EITHER = r"://([^/]*@|[^?]*\?)"
PLAIN = rf"^(?!.*{EITHER})"  # as a pattern of JSON Schema
SECRET_NAME = re.compile(r"passw|passphrase|secret|token|credential|(api|access|account)_?key", re.IGNORECASE)
REFUSAL = (
    "a user or a query, which may hold a password or a signature and would be kept with the results: leave it out, and "
    "give credentials in the environment."
)
VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")


def holds_secret(address: str) -> bool:
    """Whether an address has a place for a password, or a query, which may be a signature."""
    return re.search(EITHER, address) is not None


def redacted(text: str) -> str:
    """A text without what may be secret in an address."""
    return QUERY.sub(r"\1?***", USER.sub("***@", text))


def require_plain(address: str) -> str:
    """The address, if it holds no secret.

    Raises
    ------
    InputError
        If it may.
    """
    if holds_secret(address):
        raise InputError(f"The address {redacted(address)} has {REFUSAL}")
    return address


def written_secrets(options: Mapping[str, Any]) -> list[str]:
    """Names, anywhere in nested options, that sound secret and have a value that does not come from the environment."""
    return [
        name
        for name, value in _entries(options)
        if SECRET_NAME.search(name) and isinstance(value, str) and not VARIABLE.fullmatch(value)
    ]


def _entries(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name, inner
            yield from _entries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _entries(inner)


def from_environment(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Options in which each text $NAME or ${NAME} is what the environment has under that name.

    Raises
    ------
    InputError
        If it has none.
    """
    if isinstance(value, Mapping):
        return {name: from_environment(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [from_environment(inner) for inner in value]
    match = VARIABLE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    name = match[1] or match[2]
    if name not in os.environ:
        raise InputError(f"The cluster options name ${name}, which the environment does not have; set it.")
    return os.environ[name]
