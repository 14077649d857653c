from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tasks.planning.seen import Seen, by_class, together

COUNTS = st.dictionaries(st.sampled_from("abc"), st.integers(1, 5)).map(Counter)
SEEN = st.builds(
    Seen, st.integers(0, 9), st.integers(0, 99), st.integers(0, 9).map(float), COUNTS, st.just(Counter()), COUNTS
)


@given(st.dictionaries(st.tuples(st.integers(0, 2), st.sampled_from(["train", "test"])), SEEN))
def test_counts_add_up_over_splits_and_classes(groups):
    every = together(groups.values())
    assert together(by_class(groups).values()) == every
    assert every.images == sum(each.images for each in groups.values())
    assert every.modes == sum((each.modes for each in groups.values()), Counter())


def test_without_images_there_is_no_mean():
    assert Seen().mean_bytes is Seen().mean_brightness is None
    assert Seen(images=2, nbytes=6, brightness=1.0).mean_bytes == 3
    assert Seen(images=2, nbytes=6, brightness=1.0).mean_brightness == 0.5
