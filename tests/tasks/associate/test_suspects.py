import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.associate import suspects
from tasks.associate.suspects import clearest, places_within
from tests.strategies import seeds


@given(st.lists(st.integers(0, 4), max_size=50))
@settings(deadline=None)
def test_places_within_classes(class_ids):
    seen = dict.fromkeys(range(5), -1)
    expected = []
    for one in class_ids:
        seen[one] += 1
        expected.append(seen[one])
    assert places_within(np.array(class_ids, np.int64)).tolist() == expected


@given(seeds, st.lists(st.integers(0, 300), max_size=4))
@settings(max_examples=20, deadline=None)
def test_the_clearest_of_all_and_of_each_class_are_found_piece_by_piece(seed, cuts):
    random = np.random.default_rng(seed)
    logarithms, class_ids = (
        -random.exponential(3, 300).round(1),
        random.choice(6, 300, p=[0.9, 0.06, 0.01, 0.01, 0.01, 0.01]),
    )
    every = pa.table({"label_logarithm": logarithms, "row": np.arange(300), "class_id": class_ids})
    worst = every.slice(0, 0)
    for piece in np.split(np.arange(300), sorted(cuts)):
        worst = clearest(pa.concat_tables([worst, every.take(piece)]), 6)
    order = np.lexsort((np.arange(300), logarithms))
    within = places_within(class_ids[order])
    kept = (np.arange(300) < suspects.KEPT) | (within < suspects.KEPT_OF_A_CLASS)
    assert worst["row"].to_pylist() == order[kept].tolist()
    # Places within a class are those among all of its suspects.
    assert places_within(np.asarray(worst["class_id"])).tolist() == within[kept].tolist()


def test_with_many_classes_one_of_each_is_kept():
    every = pa.table(
        {"label_logarithm": -np.arange(4000.0), "row": np.arange(4000), "class_id": np.arange(4000) % 2000}
    )
    assert len(clearest(every, 2000)) == 2000
