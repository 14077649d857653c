import pytest

from storage.errors import InputError
from storage.formats.open import open_source
from tests.datasets import png, rows_of

PATHS = ["001.Albatross/a.png", "001.Albatross/b.png", "002.Auk/a.png", "002.Auk/b.png"]
FILES = {
    "images.txt": "".join(f"{number} {path}\n" for number, path in enumerate(PATHS, 1)),
    "image_class_labels.txt": "1 1\n2 1\n3 2\n4 2\n",
    "classes.txt": "1 001.Black-footed Albatross\n2 002.Auk\n",
    "train_test_split.txt": "1 1\n2 0\n3 1\n4 0\n",
}


def write(folder, files=FILES, inside="CUB_200_2011/images", paths=PATHS):
    for number, path in enumerate(paths):
        image = folder / inside / path
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(png(number))
    for name, text in files.items():
        (folder / "CUB_200_2011" / name).write_text(text)
    return open_source(str(folder))


def test_the_text_files_give_classes_and_splits(tmp_path):
    source = write(tmp_path)
    assert rows_of(source) == [
        ("CUB_200_2011/images/001.Albatross/a.png", "001.Black-footed Albatross", "train"),
        ("CUB_200_2011/images/002.Auk/a.png", "002.Auk", "train"),
        ("CUB_200_2011/images/001.Albatross/b.png", "001.Black-footed Albatross", "test"),
        ("CUB_200_2011/images/002.Auk/b.png", "002.Auk", "test"),
    ]
    assert not list(source.findings.ignored)
    assert [(note.kind, note.count) for note in source.findings.notes] == [("label files", 4)]


def test_without_classes_labels_are_numbers_and_without_labels_folders(tmp_path):
    numbers = write(tmp_path / "a", {name: text for name, text in FILES.items() if name != "classes.txt"})
    assert numbers.classes == ("1", "2")
    folders = write(tmp_path / "b", {name: FILES[name] for name in ("images.txt", "train_test_split.txt")})
    assert folders.classes == ("001.Albatross", "002.Auk")
    labels = {name: FILES[name] for name in ("images.txt", "image_class_labels.txt")}
    assert set(write(tmp_path / "c", labels, "CUB_200_2011").samples()["split"].to_pylist()) == {"train"}


def test_images_that_only_one_side_has_are_counted(tmp_path):
    source = write(tmp_path, paths=[*PATHS[:3], "003.Crow/c.png"])
    assert len(source.samples()) == 3
    assert [(each.kind, each.count) for each in source.findings] == [
        ("missing images", 1),
        ("label files", 3),
        ("unlisted images", 1),
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("image_class_labels.txt", "1 1\n", r"image_class_labels.txt has no line for 2,"),
        ("classes.txt", "1 a\n", r"classes.txt has no line for 2,"),
        ("train_test_split.txt", "1 1\n2 x\n3 1\n4 1\n", r"train_test_split.txt gives 'x' for 001.Albatross/b.png"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message):
        write(tmp_path, FILES | {name: text})
