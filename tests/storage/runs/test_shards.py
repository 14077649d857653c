import numpy as np
import pytest

from storage.runs.shards import Reject, find_shard, shard_key, store_shard
from storage.runs.workspace import Workspace
from tests.runs import local

DIGESTS = bytes(range(48))


def test_the_key_covers_everything_the_coefficients_depend_on(monkeypatch):
    base = shard_key(DIGESTS, (3, 4), "haar", "1")
    assert base == shard_key(bytes(DIGESTS), (3, 4), "haar", "1")
    others = [
        shard_key(DIGESTS[::-1], (3, 4), "haar", "1"),
        shard_key(DIGESTS[:32], (3, 4), "haar", "1"),
        shard_key(DIGESTS, (4, 4), "haar", "1"),
        shard_key(DIGESTS, (3, 4), "db2", "1"),
        shard_key(DIGESTS, (3, 4), "haar", "2"),
    ]
    monkeypatch.setattr("storage.runs.shards._versions", lambda: {"numpy": "0"})
    others.append(shard_key(DIGESTS, (3, 4), "haar", "1"))
    assert len({base, *others}) == 7


def test_a_shard_is_found_only_when_complete(tmp_path):
    workspace = Workspace(tmp_path)
    key = shard_key(DIGESTS, (3, 4), "haar", "1")
    assert find_shard(workspace, key) is None
    marker = store_shard(workspace, key, np.ones((3, 4), np.float32), 3, (Reject(1, "empty", "no bytes"),))
    assert find_shard(workspace, key) == marker
    chunk = workspace.chunk(key).read_bytes()
    local(workspace.chunk(key)).write_bytes(chunk[:-1])
    assert find_shard(workspace, key) is None
    workspace.chunk(key).unlink()
    assert find_shard(workspace, key) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"rejects": [{}]}'])
def test_a_damaged_marker_is_no_marker(tmp_path, content):
    workspace = Workspace(tmp_path)
    key = shard_key(DIGESTS, (3, 4), "haar", "1")
    store_shard(workspace, key, np.ones((3, 4), np.float32), 3, ())
    local(workspace.marker(key)).write_bytes(content)
    assert find_shard(workspace, key) is None
