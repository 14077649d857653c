import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.arrays.zarr import open_array
from tasks.transform.around import begin_transform
from tasks.transform.sample import SPOTS, sampled_coefficients, sampled_rows
from tasks.transform.shard import transform_shard
from tests.strategies import seeds


@given(st.integers(1, 10**7), st.integers(1, 5000), seeds)
def test_rows_are_distinct_spread_and_about_as_many_as_asked(rows, size, seed):
    size = min(size, rows)
    found = sampled_rows(rows, size, seed)
    assert len(found) <= size + SPOTS
    assert (np.diff(found) > 0).all()
    assert 0 <= found[0] <= found[-1] < rows
    # One place in each stretch of the rows, so that a sample of rows in the order of classes has all large classes.
    stretches = min(SPOTS, size)
    assert len(found) >= min(size, stretches)
    assert np.bincount(found * stretches // rows, minlength=stretches).max() <= 2 * -(-size // stretches)
    assert np.array_equal(found, sampled_rows(rows, size, seed))


def test_places_in_the_stretches_are_random():
    """Evenly spaced rows of frames that repeat with a period would all be alike."""
    found = sampled_rows(256_000, 256, 0)
    assert len(np.unique(found % 1000)) > 200


def test_a_sample_has_the_coefficients_of_a_run_without_images_that_cannot_be_used(make_job, class_folders):
    (class_folders / "cat" / "001.png").write_bytes(b"")
    job = make_job(class_folders, shard_size=4096, max_bad_fraction=0.1)
    sample, judging = sampled_coefficients(job)
    assert len(sample) == len(judging) == 23
    assert np.isfinite(sample).all()
    assert np.isfinite(judging).all()
    begin_transform(job)
    for shard in range(job.plan.shards):
        transform_shard(job, shard)
    rows = open_array(job.paths.coefficients)[:]
    assert sample == pytest.approx(rows[np.isfinite(rows[:, 0])], abs=1e-6)
