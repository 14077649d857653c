import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.associate import confusions
from tasks.associate.confusions import by_class, confused, shown
from tests.datasets import smooth_images
from tests.runs import analyse
from tests.strategies import seeds


@given(seeds, st.integers(0, 200), st.lists(st.integers(0, 200), max_size=4))
@settings(max_examples=20, deadline=None)
def test_pairs_of_classes_are_counted_piece_by_piece(seed, count, cuts):
    random = np.random.default_rng(seed)
    every = pd.DataFrame(
        {
            "class_id": random.integers(0, 4, count),
            "likely_class_id": random.integers(0, 4, count),
            "row": random.permutation(count),
            "label_logarithm": -random.exponential(3, count).round(1),
        }
    )
    found = None
    for piece in np.split(np.arange(count), sorted(min(cut, count) for cut in cuts)):
        found = confused(pa.Table.from_pandas(every.iloc[piece], preserve_index=False), found)
    expected = []
    for (class_id, likely), pair in every.groupby(["class_id", "likely_class_id"]):
        first = pair.sort_values(["label_logarithm", "row"]).iloc[0]
        expected.append((class_id, likely, len(pair), first.row))
    expected.sort(key=lambda pair: (pair[0], -pair[2], pair[1]))
    columns = ("class_id", "likely_class_id", "images", "row")
    ordered = by_class(found)
    assert list(zip(*(ordered[name].to_pylist() for name in columns), strict=True)) == expected


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(10, 2000))
def test_the_first_pairs_of_each_class_are_shown(class_ids, classes):
    class_ids.sort()
    few = max(1, min(confusions.OTHERS, confusions.SHOWN // classes))
    expected = [place for place, one in enumerate(class_ids) if class_ids[:place].count(one) < few]
    assert shown(pa.table({"class_id": pa.array(class_ids, pa.int32())}), classes).tolist() == expected


def test_the_table_counts_what_the_samples_say(tmp_path, monkeypatch):
    monkeypatch.setattr(confusions, "OTHERS", 1)
    smooth_images(tmp_path / "data" / "train", count=60)
    smooth_images(tmp_path / "data" / "test", count=30, seed=1)
    run = analyse(tmp_path / "data", tmp_path / "workspace", rank=6, judge_space="none", shard_size=2**15)
    samples, table = run.tables["samples"].to_pandas(), run.tables["confusions"].to_pandas()
    assert run.manifest.plan["shards"] > 1
    judged = samples[samples.likely_class_id.notna()]
    others = judged[judged.class_id != judged.likely_class_id]
    assert table.images.sum() == len(others) > 10
    suspects = run.tables["suspects"].to_pandas().set_index("row")
    for pair in table.itertuples():
        mine = others[(others.class_id == pair.class_id) & (others.likely_class_id == pair.likely_class_id)]
        assert pair.images == len(mine)
        assert pair.share == len(mine) / (judged.class_id == pair.class_id).sum()
        assert (pair.class_name, pair.likely_class_name) == (mine.class_name.iloc[0], mine.likely_class_name.iloc[0])
        if not np.isnan(pair.row):
            assert pair.row in mine.row.to_numpy()
            assert pair.key == samples.key[pair.row]
            assert (pair.similar_row, pair.similar_key) == tuple(suspects.loc[pair.row, ["similar_row", "similar_key"]])
    # Of each class only its most frequent pair is shown.
    first = table.groupby("class_id").images.idxmax()
    assert table.row.notna().sum() == len(first)
    assert table.loc[first, ["row", "key", "similar_row", "similar_key"]].notna().all(axis=None)
