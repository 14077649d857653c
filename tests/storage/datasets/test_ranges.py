import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.datasets.access import DEFAULT
from storage.datasets.ranges import GAP_BYTES, read_ranges
from storage.datasets.source import to_samples
from storage.errors import BadImageError

CONTENT = {"a.tar": bytes(range(256)) * 4, "b.tar": bytes(GAP_BYTES) + b"behind a gap" * 90}


class Recorded:
    """Files in memory, whose reads are kept."""

    def __init__(self, read_together):
        self.read_together, self.asked, self.access = read_together, [], DEFAULT

    def read(self, path, offset, length):
        if path not in CONTENT:
            raise FileNotFoundError(2, "gone", path)
        self.asked.append((path, offset, length))
        return CONTENT[path][offset : offset + length]


def files_of(keys):
    return pc.replace_substring_regex(keys, "/.*", "")


def read(files, places):
    columns = {
        "key": [f"{file}/{number}" for number, (file, *_) in enumerate(places)],
        "class_id": [0] * len(places),
        "split": "train",
        "offset": [offset for _, offset, _ in places],
        "length": [length for *_, length in places],
    }
    return list(read_ranges(files, to_samples([columns]), files_of, "a link"))


def expected(file, offset, length):
    if offset is None:
        return "unreadable"
    content = CONTENT.get(file)
    if content is None:
        return "unreadable"
    return content[offset : offset + length] if offset + length <= len(content) else "truncated"


PLACES = st.one_of(
    st.tuples(st.sampled_from([*CONTENT, "gone.tar"]), st.integers(0, 1100), st.integers(1, 200)),
    st.tuples(st.just("b.tar"), st.integers(GAP_BYTES - 50, GAP_BYTES + 50), st.integers(1, 50)),
    st.tuples(st.sampled_from([*CONTENT]), st.none(), st.none()),
)


@given(st.lists(PLACES, max_size=8), st.booleans(), st.sampled_from([1, 300, 2**20]))
@settings(max_examples=100, deadline=None)
def test_each_sample_has_its_bytes_or_a_reason(places, ordered, read_together):
    if ordered:
        places.sort(key=lambda place: (place[0], place[1] or 0))
    found = read(Recorded(read_together), places)
    reasons = [payload.reason if isinstance(payload, BadImageError) else payload for payload in found]
    assert reasons == [expected(*place) for place in places]


def test_neighbours_are_read_together_up_to_a_size():
    files = Recorded(300)
    read(files, [("a.tar", start, 100) for start in range(0, 1000, 100)])
    assert files.asked == [("a.tar", 0, 300), ("a.tar", 300, 300), ("a.tar", 600, 300), ("a.tar", 900, 100)]
    files = Recorded(2**20)
    read(files, [("a.tar", 0, 10), ("a.tar", 20, 10), ("b.tar", 30, 10), ("b.tar", GAP_BYTES + 50, 10)])
    assert files.asked == [("a.tar", 0, 30), ("b.tar", 30, 10), ("b.tar", GAP_BYTES + 50, 10)]
    assert read(files, []) == []
