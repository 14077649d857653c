"""Changed images are found without holding their names in memory."""

import tracemalloc
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.runs.run import Run
from storage.runs.workspace import Workspace
from storage.tables.parquet import table_writer, to_table
from storage.tables.schemas import REMOVED, TABLES, UNLABELLED
from tasks.compare import images as compare_images
from tasks.compare.images import changed_images

KEYS = st.sampled_from("abcdefgh")
DATASET = st.dictionaries(KEYS, st.tuples(st.integers(0, 1), st.sampled_from([None, "1", "2"])), max_size=8)


class Listed(Run):
    """A run of which there is nothing but its images; classes have other numbers in it."""

    def __init__(self, paths, classes):
        super().__init__(paths)
        self.classes = classes

    @property
    def manifest(self):
        return self


def run_of(folder, name, shards, classes=("cat", "dog")):
    """A run with so many shards, each a list of (key, class id, digest)."""
    paths = Workspace(folder).run(name)
    with table_writer(paths.table("samples"), TABLES["samples"], {}) as writer:
        for rows in shards:
            columns = {name: [None] * len(rows) for name in TABLES["samples"].names}
            columns |= dict(zip(("key", "class_id", "digest"), zip(*rows, strict=True), strict=True)) if rows else {}
            columns |= {"split": ["train"] * len(rows)}
            writer.write(to_table(TABLES["samples"], columns))
    return Listed(paths, classes)


def in_shards(dataset, order, size, classes):
    rows = [(key, classes.index(("cat", "dog")[dataset[key][0]]), dataset[key][1]) for key in order if key in dataset]
    rows += [(key, REMOVED, None) for key in order if key not in dataset]
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def naive(then, now):
    """Changes by key: of images with the same name, then of others with the same bytes, in order of their names."""
    changes = {}
    for key in then.keys() & now.keys():
        if then[key][1] != now[key][1]:
            changes[key] = "changed"
        elif then[key][0] != now[key][0]:
            changes[key] = "relabelled"
    gone, new = sorted(then.keys() - now.keys()), sorted(now.keys() - then.keys())
    for change, alike in (("renamed", lambda one, other: one == other), ("relabelled", lambda *_: True)):
        for key in list(new):
            pairs = [
                old for old in gone if now[key][1] and then[old][1] == now[key][1] and alike(then[old][0], now[key][0])
            ]
            if pairs:
                changes[key] = change
                gone.remove(pairs[0])
                new.remove(key)
    changes |= dict.fromkeys(gone, "removed") | dict.fromkeys(new, "added")
    return sorted(changes.items())


@given(DATASET, DATASET, st.permutations("abcdefgh"), st.integers(1, 5), st.integers(1, 5), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_changes_are_those_of_two_dictionaries(tmp_path_factory, then, now, order, size, other, at_once):
    folder = tmp_path_factory.mktemp("runs")
    before = run_of(folder, "before", in_shards(then, "abcdefgh", size, ("cat", "dog")))
    after = run_of(folder, "after", in_shards(now, order, other, ("dog", "cat")), ("dog", "cat"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare_images, "MOVED_AT_ONCE", at_once)
        found = changed_images(before, after)
    assert list(zip(*found.to_pydict().values(), strict=True)) == naive(then, now)


def test_an_image_without_a_label_is_there_and_may_get_one(tmp_path):
    rows = [("a", UNLABELLED, "1" * 32), ("b", 0, "2" * 32), ("c", UNLABELLED, "3" * 32), ("d", UNLABELLED, "4" * 32)]
    later = [("a", 1, "1" * 32), ("b", UNLABELLED, "2" * 32), ("c", UNLABELLED, "3" * 32), ("d", REMOVED, None)]
    found = changed_images(run_of(tmp_path, "before", [rows]), run_of(tmp_path, "after", [later]))
    assert dict(zip(*found.to_pydict().values(), strict=True)) == {"a": "relabelled", "b": "relabelled", "d": "removed"}


def test_an_image_in_another_class_folder_is_relabelled_and_one_in_another_split_renamed(tmp_path):
    rows = [("cat/1", 0, "1" * 32), ("train/cat/2", 0, "2" * 32), ("cat/3", 0, "3" * 32)]
    later = [("dog/1", 1, "1" * 32), ("test/cat/2", 0, "2" * 32), ("cat/4", 0, "4" * 32)]
    found = changed_images(run_of(tmp_path, "before", [rows]), run_of(tmp_path, "after", [later]))
    assert dict(zip(*found.to_pydict().values(), strict=True)) == {
        "dog/1": "relabelled",
        "test/cat/2": "renamed",
        "cat/3": "removed",
        "cat/4": "added",
    }


@contextmanager
def held():
    """Measure what Python and Arrow hold at most. The memory of the process also has what allocators keep."""
    before, pool, peaks = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool()), []
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        yield lambda: peaks[0]
        peaks.append(tracemalloc.get_traced_memory()[1] + pool.max_memory())
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


@pytest.mark.slow
@pytest.mark.parametrize("moved", [False, True])
def test_memory_does_not_depend_on_how_many_images_there_are(tmp_path, monkeypatch, moved):
    """Where rows were kept, and where none was."""
    monkeypatch.setattr(compare_images, "MOVED_AT_ONCE", 2**15)
    peaks = []
    for count in (70_000, 280_000):
        shards = [
            [(f"class/{row:09d}.jpg", row % 2, f"{row:032x}") for row in range(start, start + 5_000)]
            for start in range(0, count, 5_000)
        ]
        before = run_of(tmp_path / str(count), "before", shards)
        changed = [[(key, 1 - label, digest) for key, label, digest in shards[0]], *shards[1:]]
        after = run_of(tmp_path / str(count), "after", changed[::-1] if moved else changed)
        del shards, changed
        changed_images(before, before)
        with held() as peak:
            assert changed_images(before, after)["change"].to_pylist() == ["relabelled"] * 5_000
        peaks.append(peak())
    # As dictionaries of names, the second would take four times as much.
    assert peaks[1] <= 1.5 * peaks[0], np.array(peaks) / 2**20
