import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.statistics.exemplars import KEPT, Exemplars
from tests.strategies import seeds


@given(seeds, st.integers(0, 40), st.data())
@settings(max_examples=30, deadline=None)
def test_exemplars_are_the_extremes_in_any_order_and_split(seed, n, data):
    scores = np.random.default_rng(seed).integers(-3, 4, (n, 2)).astype(float)  # with many ties
    rows = 10 + 3 * np.arange(n)
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=3)))
    parts = [Exemplars.of(*part) for part in zip(np.split(scores, cuts), np.split(rows, cuts), strict=True)]
    order = data.draw(st.permutations(range(len(parts))))
    merged = parts[order[0]]
    for number in order[1:]:
        merged = merged + parts[number]
    for side, sign in enumerate((-1, 1)):
        for column in range(2):
            best = sorted(range(n), key=lambda row: (sign * scores[row, column], row))[:KEPT]
            assert merged.rows[side, column].tolist() == [rows[row] for row in best]
            assert merged.scores[side, column].tolist() == [scores[row, column] for row in best]
