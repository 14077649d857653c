"""The version of the transform: part of the address of every shard, so that shards are used again while it stays.

Raise it when an image's coefficients change by so much as a bit: in how images are decoded (`storage.pixels`), in how
they are brought to their size, or in what `tasks.wavelet` computes. `tests/tasks/transform/test_version.py` holds known
coefficients of known images. Moving, renaming or commenting code changes nothing here.
"""

TRANSFORM_VERSION = 1

# Before versions had numbers, an address held a digest of the source code instead. Version 1 keeps the last of those
# digests, so that shards written then are found without being copied or renamed.
_BEFORE_NUMBERS = {1: "100bdcbb1e8894911ba6309ec280b56d5e10977876c545b2734c72d767b3cafe"}


def address_of_version(version: int) -> str:
    """The text that stands for a version in the address of a shard."""
    return _BEFORE_NUMBERS.get(version, f"transform {version}")
