import os
import platform
import subprocess
import sys
import threading

import numpy as np
import pytest

from storage.arrays.scratch import drop_scratch, keep_freed_memory, scratch


@pytest.fixture(autouse=True)
def nothing_kept():
    drop_scratch()
    yield
    drop_scratch()


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_is_used_again_once_nothing_refers_to_it():
    first = address(scratch((100, 7), np.float32))
    assert address(scratch((2800,), np.uint8)) == first
    smaller = scratch((3, 5), np.float64)
    assert (address(smaller), smaller.shape, smaller.dtype) == (first, (3, 5), np.float64)


@pytest.mark.parametrize("hold", [lambda rows: rows[2:, ::3], lambda rows: rows.T.view(np.int32), memoryview])
def test_what_is_held_is_never_overwritten(hold):
    rows = scratch((6, 9), np.float32)
    rows[:] = 1
    held = hold(rows)
    before = bytes(held)
    del rows
    scratch((6, 9), np.float32)[:] = 2
    scratch((6, 9), np.float32)[:] = 3
    assert bytes(held) == before


def test_a_larger_array_gets_other_memory():
    scratch((10,), np.float32)
    larger = scratch((1000,), np.float32)
    larger[:] = 1
    assert larger.sum() == 1000
    assert scratch((0,), np.float32).shape == (0,)


def test_each_thread_has_its_own():
    found = []

    def other():
        found.append(address(scratch((100,), np.float32)))

    mine = address(scratch((100,), np.float32))
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert found
    assert found[0] != mine
    assert address(scratch((100,), np.float32)) == mine


def test_dropped_memory_is_given_back():
    rows = scratch((100,), np.float32)
    drop_scratch()
    rows[:] = 1
    scratch((100,), np.float32)[:] = 2
    assert rows.sum() == 100


CHURN = """
import resource, sys
import numpy as np
from storage.arrays.scratch import keep_freed_memory

if len(sys.argv) > 1:
    keep_freed_memory()


def task():
    arrays = [np.ones(2**18) for _ in range(4)]
    arrays.reverse()


task()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    task()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library has this setting")
def test_freed_memory_is_kept_for_the_next_task():
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}  # as Dask starts workers
    given_back, kept = (
        int(
            subprocess.run(
                [sys.executable, "-c", CHURN, *told], env=environment, check=True, capture_output=True
            ).stdout
        )
        for told in ([], ["keep"])
    )
    assert kept < 100 < given_back


def test_a_library_without_the_setting_is_left_alone(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    keep_freed_memory.__wrapped__()
