import binascii
import hashlib
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import BadImageError
from storage.tables.digests import (
    from_column,
    from_text,
    has_digest,
    image_digest,
    is_removed,
    to_column,
    to_text,
    without_digests,
)
from storage.tables.schemas import DIGEST_BYTES

KINDS = st.one_of(st.binary(min_size=1, max_size=9), st.sampled_from(["unread", "removed"]))


def digests_of(kinds):
    digests = without_digests(np.array([kind == "removed" for kind in kinds], bool))
    for row, kind in enumerate(kinds):
        if isinstance(kind, bytes):
            digests[row] = np.frombuffer(image_digest(kind), np.uint8)
    return digests


@given(st.lists(KINDS, max_size=20), st.integers(0, 5), st.integers(1, 4))
def test_columns_give_digests_back(kinds, start, pieces):
    digests = digests_of(kinds)
    expected = [hashlib.sha256(kind).digest()[:16] if isinstance(kind, bytes) else None for kind in kinds]
    assert to_column(digests).to_pylist() == expected
    assert to_text(digests).to_pylist() == [digest and digest.hex() for digest in expected]
    assert has_digest(digests).tolist() == [kind != "unread" for kind in kinds]
    assert is_removed(digests).tolist() == [kind == "removed" for kind in kinds]
    # As tables give columns: in pieces, and from somewhere in the middle.
    edges = np.linspace(0, len(kinds), pieces + 1).astype(int)
    for column, back in ((to_column(digests), from_column), (to_text(digests), from_text)):
        chunks = pa.chunked_array([column[a:b] for a, b in pairwise(edges)], column.type).slice(start)
        assert [row.tobytes() if row.any() else None for row in back(chunks)] == expected[start:]


def test_an_image_that_cannot_be_read_has_no_digest():
    assert image_digest(BadImageError("unreadable", "the disk said no")) == bytes(DIGEST_BYTES)


@pytest.mark.parametrize("text", ["", "00", "g" * 32, "0" * 33, "0" * 64, "\u00e4" * 16, " " * 32])
def test_text_that_is_no_digest_is_refused(text):
    good = hashlib.sha256(b"image").hexdigest()[:32]
    with pytest.raises((pa.ArrowInvalid, binascii.Error)):
        from_text(pa.chunked_array([[good, text, good]]))
