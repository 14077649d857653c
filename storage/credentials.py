"""Keep credentials in the environment or in the machine's role, and out of addresses and settings.

Addresses and settings are stored in manifests and in Prefect's database and logs, and sent to workers. So neither may
hold a secret. A setting that needs one names an environment variable instead.
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
    "a user or a query, which may hold a password or a signature and would be stored with the results; remove it and "
    "set credentials in the environment."
)
VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")


def holds_secret(address: str) -> bool:
    """Whether an address has a user, which may include a password, or a query, which may be a signature."""
    return re.search(EITHER, address) is not None


def redacted(text: str) -> str:
    """The text with users and queries of addresses replaced by asterisks."""
    return QUERY.sub(r"\1?***", USER.sub("***@", text))


def require_plain(address: str) -> str:
    """Return the address unchanged.

    Raises
    ------
    InputError
        If the address may hold a secret.
    """
    if holds_secret(address):
        raise InputError(f"The address {redacted(address)} has {REFUSAL}")
    return address


def written_secrets(options: Mapping[str, Any]) -> list[str]:
    """List option names, at any depth, that suggest a secret and whose value is written out instead of a $NAME."""
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
    """Replace each string $NAME or ${NAME} in the options by the value of that environment variable.

    Raises
    ------
    InputError
        If the variable is not set.
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
        raise InputError(f"The cluster options use ${name}, but this environment variable is not set; set it.")
    return os.environ[name]
