"""The version of each transform. It is part of the address of every shard, so shards are reused while it stays.

Raise it when a single bit of an image's coefficients changes by other computations in `tasks.wavelet`; raise those of
all transforms if images are decoded (`storage.pixels`) or resized in another way.
`tests/tasks/transform/test_version.py` has known coefficients of known images. Moving, renaming or commenting code does
not change a version.
"""

# Since version 2 of modulus its windows overlap, and the approximation keeps its sign.
TRANSFORM_VERSIONS = {"dwt": 1, "modulus": 2, "scattering": 1, "none": 1}
# The same of the properties of images (`tasks.wavelet.properties` and `storage.pixels.facts`).
PROPERTIES_VERSION = 1

# Before versions had numbers, an address contained a digest of the source code. Version 1 uses the last of those
# digests, so that shards written then are found without a copy or a new name.
_BEFORE_NUMBERS = {1: "100bdcbb1e8894911ba6309ec280b56d5e10977876c545b2734c72d767b3cafe"}


def address_of_version(version: int) -> str:
    """Return the text of a version in the address of a shard."""
    return _BEFORE_NUMBERS.get(version, f"transform {version}")
