import numpy as np

from tasks.inspect import tables
from tests.runs import analyse
from tests.tasks.inspect.planted import planted

QUICK = {"scales": False, "permutations": 1, "rank": 4}


def test_pairs_are_described_and_the_nearest_are_kept(tmp_path, monkeypatch):
    planted(tmp_path / "data")
    run = analyse(tmp_path / "data", tmp_path / "workspace", **QUICK, shard_size=2**15)
    samples = {row["row"]: row for row in run.tables["samples"].to_pylist()}
    table = run.tables["near_duplicates"].to_pylist()
    for row in table:
        for side in ("", "other_"):
            sample = samples[row[f"{side}row"]]
            assert {name: row[f"{side}{name}"] for name in ("key", "split", "class_id", "class_name")} == {
                name: sample[name] for name in ("key", "split", "class_id", "class_name")
            }
        assert row["exact"] == (samples[row["row"]]["digest"] == samples[row["other_row"]]["digest"])
    assert [row["exact"] for row in table] == [True] * 3 + [False] * 3
    assert (np.diff([row["relative_distance"] for row in table]) >= 0).all()
    assert all(0 < row["relative_distance"] < 0.6 for row in table[3:])
    monkeypatch.setattr(tables, "MOST_PAIRS", 4)
    fewer = analyse(tmp_path / "data", tmp_path / "fewer", **QUICK, shard_size=2**15)
    kept = fewer.tables["near_duplicates"].drop_columns("run_id").to_pylist()
    assert kept == run.tables["near_duplicates"].drop_columns("run_id").slice(0, 4).to_pylist()
    assert fewer.tables["duplication"]["near_pairs"].to_pylist() == [3]
