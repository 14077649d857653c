import errno
import os
from functools import partial

import pytest

from flows.workers.fanout import compute
from storage.datasets.files import LocalFiles
from storage.errors import BadImageError, EigenwaveError
from storage.stores import retrying
from storage.stores.files import write_file
from storage.stores.open import open_path


@pytest.fixture
def pauses(monkeypatch):
    """Pauses that were made, without making them."""
    made = []
    monkeypatch.setattr(retrying.time, "sleep", made.append)
    return made


def failing(times, number, action):
    """The action, which first fails so many times."""
    left = [number] * times

    def act(*given, **named):
        if left:
            raise OSError(left.pop(), os.strerror(number), "/data/a.png")
        return action(*given, **named)

    return act


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.ETIMEDOUT])
def test_a_disk_that_is_away_for_a_moment_costs_a_pause(tmp_path, monkeypatch, pauses, number):
    (tmp_path / "a.png").write_bytes(b"pixels")
    monkeypatch.setattr(os, "open", failing(2, number, os.open))
    assert list(LocalFiles(tmp_path).read_many(["a.png"])) == [b"pixels"]
    assert pauses == [0.1]
    assert compute(failing(3, number, lambda shard: shard + 1), 1) == 2
    assert pauses == [0.1, 0.1, 0.5, 2.0]


def test_a_write_that_failed_is_made_again_with_its_shard(tmp_path, monkeypatch, pauses):
    monkeypatch.setattr("storage.stores.local._sync", failing(1, errno.EIO, lambda _: None))
    path = open_path(tmp_path) / "file"
    compute(lambda _: write_file(path, b"content"), 0)
    assert path.read_bytes() == b"content"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert pauses == [0.1]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ENOSPC])
def test_nothing_else_is_tried_again(number, pauses):
    tries = []

    def act(shard):
        tries.append(shard)
        raise OSError(number, os.strerror(number))

    with pytest.raises(EigenwaveError, match="Shard 0 failed with"):
        compute(act, 0)
    assert (tries, pauses) == ([0], [])


def test_an_image_is_not_blamed_for_its_disk(tmp_path, monkeypatch, pauses):
    read = partial(list, LocalFiles(tmp_path).read_many(["a.png"]))
    monkeypatch.setattr(os, "open", failing(99, errno.ESTALE, os.open))
    with pytest.raises(EigenwaveError, match=r"^/data/a.png is out of reach: Stale .*; see to the disk or network"):
        read()
    assert pauses == [0.1, 0.5, 2.0]
    # A sector that stays lost is the image's own.
    monkeypatch.setattr(os, "open", failing(99, errno.EIO, os.open))
    (bad,) = LocalFiles(tmp_path).read_many(["a.png"])
    assert isinstance(bad, BadImageError)
    assert bad.reason == "unreadable"
