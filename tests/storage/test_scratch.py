import threading

import numpy as np
import pytest

from storage.scratch import drop_scratch, scratch


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
