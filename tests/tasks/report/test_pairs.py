import pyarrow as pa

from tasks.report.pairs import KINDS, SHOWN, pairs_by_kind


def pair(number, split, other_split, class_id, other_class_id, *, exact):
    return {
        "row": number,
        "split": split,
        "other_split": other_split,
        "class_id": class_id,
        "other_class_id": other_class_id,
        "exact": exact,
    }


def test_each_pair_is_of_its_kinds_and_kinds_without_pairs_are_left_out():
    pairs = [
        pair(0, "train", "train", 0, 0, exact=True),
        pair(1, "train", "test", 0, 0, exact=True),
        pair(2, "train", "train", 0, 1, exact=True),
        pair(3, "train", "test", 0, 1, exact=False),
        pair(4, "train", "train", 0, -2, exact=False),  # an image without a label conflicts with none
    ]
    found = pairs_by_kind(pa.Table.from_pylist(pairs))
    assert {kind: [pair["row"] for pair in some] for kind, some in found.items()} == {
        "leak": [1],
        "near leak": [3],
        "conflict": [2],
        "near conflict": [3],
        "exact duplicate": [0],
        "near-duplicate": [4],
    }
    assert set(pairs_by_kind(pa.Table.from_pylist(pairs[:1]))) == {"exact duplicate"}
    assert tuple(found) == KINDS


def test_the_first_pairs_of_a_kind_are_shown():
    many = pa.Table.from_pylist([pair(number, "a", "a", 0, 0, exact=False) for number in range(SHOWN + 5)])
    assert [pair["row"] for pair in pairs_by_kind(many)["near-duplicate"]] == list(range(SHOWN))
    assert pairs_by_kind(many.slice(0, 0)) == {}
