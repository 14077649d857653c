import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.formats.open import find_source
from tests.datasets import png, rows_of


def write(folder, count, first=0):
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.png").write_bytes(png(first + number))
    return [{"file_name": f"{number}.png", "label": "ab"[number % 2], "age": number} for number in range(count)]


def test_metadata_beside_images_gives_their_labels(tmp_path):
    rows = write(tmp_path / "data", 6)
    lines = "".join(f"{row['file_name']},{row['label']}\n" for row in rows[:4])
    (tmp_path / "data/metadata.csv").write_text(f"file_name,label\n{lines}")
    found = find_source(str(tmp_path / "data"))
    assert found.format == "imagefolder"
    assert rows_of(found.source) == [(f"{number}.png", "ab"[number % 2], "train") for number in range(4)]
    assert [(each.kind, each.count) for each in found.source.findings.ignored] == [("unlisted images", 2)]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_each_split_may_have_metadata_of_its_own(tmp_path, ending):
    for split, count in (("train", 4), ("validation", 2)):
        table = pa.Table.from_pylist(write(tmp_path / split, count, 10 * count))
        if ending == "parquet":
            pq.write_table(table, tmp_path / split / "metadata.parquet")
        else:
            frame = table.to_pandas().to_json(orient="records", lines=True)
            (tmp_path / split / "metadata.jsonl").write_text(frame)
    source = find_source(str(tmp_path)).source
    assert rows_of(source) == [
        *((f"train/{number}.png", "ab"[number % 2], "train") for number in range(4)),
        *((f"validation/{number}.png", "ab"[number % 2], "val") for number in range(2)),
    ]
    assert list(source.read(source.samples())) == [*map(png, range(40, 44)), *map(png, range(20, 22))]
    assert not list(source.findings)
