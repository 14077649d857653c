"""Which class stands out on a pattern; `tests/flows/test_association.py` looks at all other numbers in a run."""

from types import SimpleNamespace

import numpy as np

from tasks.statistics.first_order import FirstOrder


def test_the_top_class_has_the_largest_effect_of_those_that_are_known():
    effects = np.array([[0.2, -0.7, 0.5], [np.nan, 0.1, 0.3], [np.nan, np.nan, np.nan]])
    found = FirstOrder.top_classes(SimpleNamespace(by_pair=SimpleNamespace(cohens_d=effects)))
    assert found.tolist() == [1, 2, -1]
