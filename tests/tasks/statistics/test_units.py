import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.statistics.relabelling import sample_ids
from tasks.statistics.units import find_units, shuffled_by_group

IMAGES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from(["fitted", "other", "neither"]), st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


def digests_of(contents):
    halves = np.array([[content + 1, 7 * content] for content in contents], np.uint64)
    return halves.view(np.uint8)


@given(IMAGES, st.booleans())
def test_what_counts_equals_a_slow_look_at_each_image(images, grouped):
    contents, classes, sides, groups = (list(column) for column in zip(*images, strict=True))
    fitted, other = (np.array([side == name for side in sides]) for name in ("fitted", "other"))
    chosen = np.array(groups, np.uint64) if grouped else None
    units = find_units(digests_of(contents), np.array(classes), fitted, other, chosen)
    names = groups if grouped else contents
    for row, content in enumerate(contents):
        assert [name == names[row] for name in names] == (units.ids == units.ids[row]).tolist()
        seen = any(fitted[at] and contents[at] == content for at in range(len(images)))
        seen |= any(fitted[at] and names[at] == names[row] for at in range(len(images)))
        assert units.learned[row] == seen
        alike = [at for at in range(row) if contents[at] == content and classes[at] == classes[row]]
        if fitted[row]:
            assert units.counted[row] == (not any(fitted[at] for at in alike))
        elif other[row]:
            assert units.counted[row] == (not seen and not any(other[at] for at in alike))
        else:
            assert not units.counted[row]


def test_whole_groups_exchange_their_labels():
    groups = np.repeat(np.arange(40, dtype=np.uint64), 7)
    labels = np.repeat(np.arange(40) % 4, 7)
    shuffled = shuffled_by_group(groups, sample_ids([str(row) for row in range(280)]), labels, 0, 50)
    by_group = shuffled.reshape(50, 40, 7)
    assert (by_group == by_group[:, :, :1]).all()
    assert (np.sort(by_group[:, :, 0]) == np.sort(np.arange(40) % 4)).all()
    assert len({row.tobytes() for row in by_group}) == 50
    # Every group gets every label: as often as any, within four deviations of a share of a quarter.
    share = (by_group[:, :, 0] == 0).mean()
    assert abs(share - 0.25) < 1e-9


def test_labels_within_a_group_are_shuffled_and_keep_their_proportions():
    groups = np.repeat(np.array([5, 9], np.uint64), 100)
    labels = np.tile(np.arange(100) % 2, 2)
    shuffled = shuffled_by_group(groups, sample_ids([str(row) for row in range(200)]), labels, 0, 20)
    assert (shuffled.reshape(20, 2, 100).sum(axis=2) == 50).all()
    assert ((shuffled == labels).mean(axis=1) < 0.7).all()


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.data())
def test_a_shuffle_does_not_depend_on_the_order_of_images(groups, data):
    labels = data.draw(st.lists(st.integers(0, 3), min_size=len(groups), max_size=len(groups)))
    order = np.array(data.draw(st.permutations(range(len(groups)))))
    arrays = np.array(groups, np.uint64), sample_ids([str(row) for row in range(len(groups))]), np.array(labels)
    one, other = (shuffled_by_group(*(array[rows] for array in arrays), 1, 3) for rows in (slice(None), order))
    assert (one[:, order] == other).all()
    assert (np.isin(one, labels)).all()
