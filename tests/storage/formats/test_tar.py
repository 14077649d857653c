import io
import json
import shutil
import subprocess
import tarfile

import pytest
from PIL import Image

from storage.errors import InputError
from storage.formats.open import find_source, open_source
from storage.setting_groups import Reading
from tests.datasets import rows_of
from tests.formats import add


def write(path, names):
    """A tar file of the same image under several names."""
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, "PNG")
    with tarfile.open(path, "w") as tar:
        for name in names:
            add(tar, name, content.getvalue())
    return open_source(str(path))


def test_one_archive_may_hold_several_splits(tmp_path):
    source = write(tmp_path / "set.tar", ["set/train/a/1.png", "set/train/b/1.png", "set/Validation/a/1.png"])
    samples = source.samples()
    assert source.classes == ("a", "b")
    assert samples["key"].to_pylist()[-1] == "set.tar/set/Validation/a/1.png"
    assert samples["split"].to_pylist() == ["train", "train", "val"]


def test_hidden_and_loose_members_are_counted_and_not_read(tmp_path):
    source = write(
        tmp_path / "set.tar", ["./a/1.png", "./b/2.png", "./a/._1.png", ".cache/x.png", "__MACOSX/a/1.png", "3.png"]
    )
    assert source.samples()["key"].to_pylist() == ["set.tar/./a/1.png", "set.tar/./b/2.png"]
    assert {found.kind: found.count for found in source.findings.ignored} == {"hidden files": 3, "loose images": 1}


@pytest.mark.parametrize("kind", ["gnu", "posix"])
def test_sparse_members_are_refused_by_name(tmp_path, kind):
    with (tmp_path / "hole.bmp").open("wb") as file:
        file.seek(2**20)
        file.write(b"1")
    subprocess.run(
        [shutil.which("tar"), "-C", tmp_path, "-Scf", tmp_path / "s.tar", f"--format={kind}", "hole.bmp"], check=True
    )
    with pytest.raises(InputError, match=r"holds .*hole.bmp as a sparse file"):
        open_source(str(tmp_path / "s.tar")).samples()


def web(path, samples):
    """A tar file of images, each with the content of a file .json or .cls."""
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, "PNG")
    with tarfile.open(path, "w") as tar:
        for number, (suffix, text) in enumerate(samples):
            add(tar, f"{number}.png", content.getvalue())
            add(tar, f"{number}{suffix}", text if isinstance(text, bytes) else json.dumps(text).encode())
    return str(path)


def test_entries_beside_a_label_are_columns(tmp_path):
    rows = [{"label": "ab"[n % 2], "width": n, "tags": ["x"], "caption": f"no. {n}"} for n in range(4)]
    web(tmp_path / "train-1.tar", [(".json", row) for row in rows[:2]])
    web(tmp_path / "test-0.tar", [(".json", rows[2]), (".cls", b"b")])
    web(tmp_path / "train-0.tar", [(".json", rows[3] | {"width": 0.5})])
    source = open_source(str(tmp_path))
    samples = source.samples()
    (piece,) = source.columns.pieces(samples)
    assert piece.to_pylist() == [
        {"width": 0.5, "tags": '["x"]', "caption": "no. 3"},
        {"width": 0.0, "tags": '["x"]', "caption": "no. 0"},
        {"width": 1.0, "tags": '["x"]', "caption": "no. 1"},
        {"width": 2.0, "tags": '["x"]', "caption": "no. 2"},
        dict.fromkeys(("width", "tags", "caption")),
    ]
    assert [source.classes[number] for number in samples["class_id"].to_pylist()] == ["b", "a", "b", "a", "b"]


def test_the_name_of_the_label_may_be_chosen(tmp_path):
    rows = [(".json", {"label": "same", "Breed": "pug", "n": 1}), (".json", {"label": "same", "Breed": "akita"})]
    address = web(tmp_path / "a.tar", rows)
    source = find_source(address, reading=Reading(label_column="breed")).source
    source.samples()
    assert source.classes == ("akita", "pug")
    assert source.columns.schema.names == ["label", "n"]
    with pytest.raises(InputError, match=r"has a label under species; they have label, Breed, n. Pass --label-column"):
        find_source(address, reading=Reading(label_column="species")).source.samples()


@pytest.mark.parametrize(
    ("suffix", "text", "says"),
    [
        (".json", b"{", r"a.tar/0.json is not JSON: it begins with '{'"),
        (".json", {"label": [1]}, r"a.tar/0.json has the label '\[1\]'; labels are whole numbers or text"),
        (".json", b" " * 2**20 + b"{}", r"a.tar/0.json takes 1,048,578 bytes; files with labels take up to 1 MiB"),
        (".cls", b"\xff\xfe", "a.tar/0.cls is not a label"),
        (".json", b"[" * 100_000, r"a.tar/0.json is not JSON"),
    ],
)
def test_labels_that_cannot_be_read_are_refused_by_name(tmp_path, suffix, text, says):
    with pytest.raises(InputError, match=says):
        open_source(web(tmp_path / "a.tar", [(suffix, text)])).samples()


def test_odd_labels_of_json_are_classes(tmp_path):
    rows = [(".json", {"label": label}) for label in (1, 2.0, None)] + [(".cls", b"\n")]
    source = open_source(web(tmp_path / "a.tar", rows))
    assert source.samples()["class_id"].to_pylist() == [0, 1, None, None]
    assert source.classes == ("1", "2")
    source = open_source(web(tmp_path / "b.tar", [(".json", {"label": 2**80}), (".json", b'{"label": "\\ud800"}')]))
    source.samples()
    assert source.classes == (str(2**80), "\\ud800")


def test_samples_may_have_dots_in_their_keys_lie_apart_and_be_of_several_splits(tmp_path):
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, "PNG")
    keys = {"train/22.00": "001", "train/22.01": "1", "val/22.02": "1"}
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        for key in keys:
            add(tar, f"{key}.png", content.getvalue())
        for key, label in [*keys.items(), ("train/23.00", "1")]:
            add(tar, f"{key}.cls", label.encode())
    source = open_source(str(tmp_path / "set.tar"))
    assert rows_of(source) == [
        ("set.tar/train/22.00.png", "001", "train"),
        ("set.tar/train/22.01.png", "1", "train"),
        ("set.tar/val/22.02.png", "1", "val"),
    ]
    assert [(each.kind, each.count) for each in source.findings.ignored] == [("other files", 1)]
