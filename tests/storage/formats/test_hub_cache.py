import pytest

from storage.errors import InputError
from storage.formats.open import find_source
from tests.datasets import png, rows_of
from tests.formats import FORMATS, make_images


def write(folder, revisions, main=None):
    """A cache as huggingface_hub lays it out: the files are in blobs, and links to them in each snapshot."""
    for name in ("blobs", "refs", ".no_exist"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number, (revision, names) in enumerate(revisions.items()):
        for place, name in enumerate(names):
            blob = folder / "blobs" / f"{number}{place:039x}"
            blob.write_bytes(png(10 * number + place))
            link = folder / "snapshots" / revision / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(blob)
    if main:
        (folder / "refs/main").write_text(main)
    return str(folder)


def test_the_snapshot_of_main_is_read_through_its_links(tmp_path):
    revisions = {"aaa": ["train/cat/1.png", "train/dog/2.png"], "bbb": ["train/cat/1.png", "train/cow/2.png"]}
    found = find_source(write(tmp_path / "datasets--me--pets", revisions, main="bbb\n"))
    assert rows_of(found.source) == [("train/cat/1.png", "cat", "train"), ("train/cow/2.png", "cow", "train")]
    assert list(found.source.read(found.source.samples())) == [png(10), png(11)]
    (text,) = (note.text for note in found.source.findings.notes if note.kind == "revision")
    assert text.endswith("Read the revision bbb.")


def test_one_snapshot_needs_no_branch_and_several_do(tmp_path):
    address = write(tmp_path / "one", {"aaa": ["a/1.png", "b/2.png"]})
    assert find_source(address).source.classes == ("a", "b")
    with pytest.raises(
        InputError, match=r"holds 2 revisions of a dataset: aaa, bbb. Give the folder of one, such as .*aaa"
    ):
        find_source(write(tmp_path / "two", {"aaa": ["a/1.png"], "bbb": ["a/1.png"]}))


def test_files_of_other_formats_are_found_in_it_too(tmp_path):
    images = make_images(count=3)
    FORMATS["hugging-face"](tmp_path / "set/snapshots/aaa", images)
    (tmp_path / "set/refs").mkdir()
    found = find_source(str(tmp_path / "set"))
    assert (found.format, len(found.source.samples())) == ("parquet", len(images))


def test_a_class_called_snapshots_is_a_class(tmp_path):
    for name in ("snapshots/1.png", "paintings/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(png(1))
    assert find_source(str(tmp_path)).source.classes == ("paintings", "snapshots")
