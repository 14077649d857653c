"""Statistics begin where the table says, and not an image before."""

import numpy as np
import pytest

from benchmarks.coverage import groups_of
from tasks.statistics.intervals import intervals
from tasks.statistics.least import LEAST


@pytest.mark.parametrize("spare", [-1, 0])
def test_intervals_begin_where_every_class_has_enough_images(spare):
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), [40, 40, LEAST.interval + spare])
    found = intervals(groups_of(random.standard_normal((len(labels), 4)), labels, 3, random))
    assert np.isnan(found.learnability).all() == np.isnan(found.eta_squared).all() == (spare < 0)
