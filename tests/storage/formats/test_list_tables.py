import io

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import InputError
from storage.formats.list_tables import read_list

WORDS = st.text(st.characters(codec="utf-8", exclude_characters='",;|\t\r\n\0', exclude_categories=["C"]), min_size=1)
ROWS = {"path": ["a.png", "b.png"], "label": ["001", "1e3"]}


def read(content, name="list.csv", delimiter=None):
    return read_list(io.BytesIO(content if isinstance(content, bytes) else content.encode()), name, delimiter)


@given(st.lists(WORDS, min_size=1), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_text_is_kept_exactly_in_every_encoding_that_a_file_tells(labels, encoding):
    text = "path,label\n" + "".join(f"{row}.png,{label}\n" for row, label in enumerate(labels))
    assert read(text.encode(encoding))["label"].to_pylist() == labels


@pytest.mark.parametrize("label", ["001", "1e3", "2020-01-01", "12:30", "true", "NA", "nan", "null", "1.0", " x"])
def test_no_label_is_taken_for_something_else(label):
    assert read(f"path,label\na.png,{label}\n")["label"].to_pylist() == [label]
    assert read(f'{{"path": "a.png", "label": "{label}"}}\n', "list.jsonl")["label"].to_pylist() == [label]


@pytest.mark.parametrize(
    ("name", "text", "delimiter"),
    [
        ("list.csv", "path;label\na.png;001\nb.png;1e3\n", None),
        ("list.TSV", "path\tlabel\na.png\t001\nb.png\t1e3\n", None),
        ("list.txt", "path label\na.png 001\nb.png 1e3\n", None),
        ("list.csv", "path:label\na.png:001\nb.png:1e3\n", ":"),
        ("list.csv", "path\tlabel\na.png\t001\nb.png\t1e3\n", "tab"),
        ("list.csv", '"path","label"\r\n"a.png","001"\r\n"b.png","1e3"\r\n', None),
        ("list.jsonl", '{"path": "a.png", "label": "001"}\n\n{"path": "b.png", "label": "1e3"}\n', None),
    ],
)
def test_every_way_to_write_a_table_gives_the_same(name, text, delimiter):
    assert read(text, name, delimiter).to_pydict() == ROWS


def test_tables_of_arrow_are_read_whatever_the_case_of_their_ending(tmp_path):
    pq.write_table(pa.table(ROWS), tmp_path / "list.PARQUET")
    pyarrow.feather.write_feather(pa.table(ROWS), tmp_path / "list.feather")
    for name in ("list.PARQUET", "list.feather"):
        assert read((tmp_path / name).read_bytes(), name).to_pydict() == ROWS


def test_a_first_line_that_names_an_image_is_no_header():
    assert list(read("a.JPG 3\nb.JPG 4\n", "list.txt").to_pydict().values()) == [["a.JPG", "b.JPG"], ["3", "4"]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "path,label\na.png,caf\u00e9\n".encode("latin-1"), "not UTF-8. Its encoding may be Latin-1"),
        ("a.csv", "path,l\u00e4bel\n".encode("latin-1"), "not UTF-8. Its encoding may be Latin-1"),
        ("a.csv", "path,label\na.png,x\n".encode("utf-16-le"), "not UTF-8"),
        ("a.jsonl", '{"label": "caf\u00e9"}\n'.encode("latin-1"), "not UTF-8"),
        ("a.csv", b"path,label\n", "has no rows"),
        ("a.jsonl", b"\n", "has no rows"),
        ("a.csv", b"", "cannot be read: Empty CSV file"),
        ("a.csv", b"path,label,label\na.png,x,y\n", "more than one column called 'label'"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "Line 2 of a.jsonl is not JSON"),
        ("a.jsonl", b"[1]\n", "Line 1 of a.jsonl is not a JSON object"),
        ("a.parquet", b"PAR1", "The list a.parquet cannot be read"),
    ],
)
def test_what_cannot_be_read_right_is_refused_in_a_sentence(name, content, message):
    with pytest.raises(InputError, match=message):
        read(content, name)


def test_a_delimiter_is_one_character():
    with pytest.raises(InputError, match="--delimiter '::' is not possible"):
        read("a::b\n", delimiter="::")


def test_lines_may_end_as_on_old_macs(tmp_path):
    (tmp_path / "list.csv").write_bytes(b"path,label\ra.png,x\rb.png,y\r")
    with (tmp_path / "list.csv").open("rb") as file:
        assert read_list(file, "list.csv", None).to_pydict() == {"path": ["a.png", "b.png"], "label": ["x", "y"]}
