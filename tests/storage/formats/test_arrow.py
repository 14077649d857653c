import json

import pyarrow as pa
import pytest

from storage.errors import BadImageError, InputError
from storage.formats import table_files
from storage.formats.open import find_source, open_source
from tests.datasets import png, rows_of


def features(names):
    found = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": names}}
    return {b"huggingface": json.dumps({"info": {"features": found}}).encode()}


def save(folder, rows, names=("cat", "dog"), split="train", files=1, new=pa.ipc.new_stream, **state):
    """A dataset as save_to_disk writes it: record batches of 3 rows in streams, and state.json with their names."""
    folder.mkdir(parents=True)
    images = pa.array([image for image, _ in rows], pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    table = pa.table({"image": images, "label": [label for _, label in rows], "n": range(len(rows))})
    table = table.replace_schema_metadata(features(names))
    listed = [f"data-{number:05d}-of-{files:05d}.arrow" for number in range(files)]
    each = -(-len(rows) // files)
    for number, name in enumerate(listed):
        with new(folder / name, table.schema) as stream:
            stream.write_table(table.slice(number * each, each), max_chunksize=3)
    content = {"_data_files": [{"filename": name} for name in listed], "_split": split, **state}
    (folder / "state.json").write_text(json.dumps(content))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def rows(count, start=0):
    return [({"bytes": png(start + number), "path": None}, number % 2) for number in range(count)]


@pytest.mark.parametrize("new", [pa.ipc.new_stream, pa.ipc.new_file])
def test_a_dataset_dict_is_read_with_its_splits_and_names(tmp_path, new):
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    save(tmp_path / "train", rows(10), files=2, new=new)
    save(tmp_path / "test", rows(4, 100), names=("dog", "cat"), split="test", new=new)
    found = find_source(str(tmp_path))
    assert found.format == "arrow"
    samples = found.source.samples()
    assert found.source.classes == ("dog", "cat")  # as in the first file
    assert rows_of(found.source)[0] == ("train/data-00000-of-00002.arrow/0000000", "cat", "train")
    assert [(label, split) for _, label, split in rows_of(found.source)] == (
        [(("cat", "dog")[n % 2], "train") for n in range(10)] + [(("dog", "cat")[n % 2], "test") for n in range(4)]
    )
    everything = [png(number) for number in (*range(10), *range(100, 104))]
    assert list(found.source.read(samples)) == everything
    order = [13, 4, 3, 9, 0, 7]
    assert list(found.source.read(samples.take(order))) == [everything[number] for number in order]
    assert pa.concat_tables(found.source.columns.pieces(samples))["n"].to_pylist() == [*range(10), *range(4)]


def test_one_dataset_has_the_split_that_it_was_saved_from(tmp_path):
    source = open_source(str(save(tmp_path / "saved", rows(3), split="validation")))
    assert [split for *_, split in rows_of(source)] == ["val"] * 3


def test_only_the_files_of_state_are_read_and_others_are_counted(tmp_path):
    folder = save(tmp_path / "saved", rows(4))
    (folder / "cache-123.arrow").write_bytes((folder / "data-00000-of-00001.arrow").read_bytes())
    source = open_source(str(folder))
    assert len(source.samples()) == 4
    texts = [finding.text for finding in source.findings]
    assert "Skipped 1 file of Arrow (such as cache-123.arrow) that no state.json names." in texts


def test_files_without_state_are_read_as_they_are(tmp_path):
    folder = save(tmp_path / "saved", rows(4))
    (folder / "state.json").unlink()
    assert len(open_source(str(folder / "data-00000-of-00001.arrow")).samples()) == 4
    assert len(open_source(str(folder)).samples()) == 4


def test_rows_that_name_files_or_nothing(tmp_path):
    images = [{"bytes": None, "path": "1.png"}, None, {"bytes": png(3), "path": "x"}, {"bytes": b"", "path": None}]
    folder = save(tmp_path / "saved", list(zip(images, [0, 1, 0, 1], strict=True)))
    (folder / "1.png").write_bytes(png(1))
    source = open_source(str(folder))
    first, second, third, fourth = source.read(source.samples())
    assert (first, third, fourth) == (png(1), png(3), b"")
    assert isinstance(second, BadImageError)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("{", "state.json is not JSON"),
        ("[]", "state.json names no files of data"),
        ('{"_data_files": [{"filename": "../other.arrow"}]}', r"names ../other.arrow, which is not there"),
        ('{"_data_files": [], "_indices_data_files": [{"filename": "i.arrow"}]}', r"again with flatten_indices\(\)"),
    ],
)
def test_states_that_name_other_things_are_refused(tmp_path, state, says):
    folder = save(tmp_path / "saved", rows(2))
    (folder / "state.json").write_text(state)
    with pytest.raises(InputError, match=says):
        open_source(str(folder)).samples()


@pytest.mark.parametrize("mapped", [False, True])
def test_damaged_files_are_refused_or_read_as_they_were(tmp_path, monkeypatch, mapped):
    monkeypatch.setattr(table_files, "BUFFER", 0 if mapped else 2**20)
    folder = save(tmp_path / "saved", rows(6))
    path = folder / "data-00000-of-00001.arrow"
    good = path.read_bytes()
    for place in range(0, len(good), 89):
        for damaged in (good[:place], good[:place] + bytes([good[place] ^ 255]) + good[place + 1 :]):
            path.write_bytes(damaged)
            try:
                source = open_source(str(folder))
                for payload in source.read(source.samples()):
                    assert isinstance(payload, bytes | BadImageError)
            except InputError:
                pass
