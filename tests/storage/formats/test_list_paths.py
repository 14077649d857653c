from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.datasets.files import LocalFiles
from storage.errors import InputError
from storage.formats.list_paths import keys_of, place_of
from storage.setting_groups import Access

FILES = ("train/a.jpg", "train/b.JPG", "test/c.jpg", "deep/er/d.png", "deep/a.jpg")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return LocalFiles(folder)


def keys(paths, files):
    found, notes = keys_of(paths, files, "list.csv")
    return found, [note.kind for note in notes]


def test_paths_as_they_lie_there_stay(files):
    assert keys(list(FILES), files) == (list(FILES), [])
    assert keys([f"./{name}" for name in FILES], files) == (list(FILES), [])


@given(st.permutations(FILES), st.sampled_from(["windows", "absolute", "uri"]))
def test_other_ways_to_write_paths_mean_the_same(files, names, way):
    written = {
        "windows": [str(PureWindowsPath(name)) for name in names],
        "absolute": [f"{files}/{name}" for name in names],
        "uri": [f"file://{files}/{name}" for name in names],
    }
    assert keys(written[way], files) == (list(names), [])


def test_paths_of_another_machine_are_read_here_and_it_is_said(files):
    assert keys([f"/kaggle/input/x/{name}" for name in FILES], files) == (list(FILES), ["moved paths"])
    assert keys([f"C:\\data\\{PureWindowsPath(name)}" for name in FILES], files) == (list(FILES), ["moved paths"])


def test_names_without_folder_and_ending_are_completed(files):
    assert keys(["b", "c", "d", "e"], files) == (
        ["train/b.JPG", "test/c.jpg", "deep/er/d.png", "e"],
        ["completed paths"],
    )
    assert keys(["er/d"], files) == (["deep/er/d.png"], ["completed paths"])
    with pytest.raises(InputError, match=r"a in list.csv may be deep/a.jpg or train/a.jpg: write the path in full"):
        keys(["b", "a"], files)


def test_paths_may_begin_in_the_folder_that_the_user_names(files, tmp_path):
    access = Access(root=Path(f"{files}"))
    beside = LocalFiles(tmp_path, access)
    for paths in (list(FILES), [f"{files}/{name}" for name in FILES], ["/elsewhere/" + name for name in FILES]):
        found, _ = keys(paths, beside)
        assert [beside.size(key) for key in found] == [0] * len(FILES)
        assert [Path(tmp_path, key).resolve() for key in found] == [Path(f"{files}/{name}").resolve() for name in FILES]


def test_addresses_stay_and_escaped_bytes_are_no_folders(files):
    paths = ["s3://bucket/a.jpg", "train/a\\xff.jpg", "train/a.jpg"]
    assert keys(paths, files) == (paths, [])
    assert (place_of(paths[0]), place_of(paths[1])) == ("s3://bucket", None)
