import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import InputError
from storage.formats.webdataset import CLS, JSON, Text, Texts


def described(files, images, ending=CLS):
    """Name of the file that describes each image."""
    texts = Texts(ending)
    for name in files:
        texts.add(Text(name, name))
    return [text and text.name for text in texts.of(images)]


@pytest.mark.parametrize(
    ("files", "images"),
    [
        (["1.cls"], {"1.jpg": "1.cls", "2.jpg": None, "a/1.jpg": None}),
        (["22.00.cls", "22.01.cls"], {"22.00.png": "22.00.cls", "22.01.png": "22.01.cls", "22.02.png": None}),
        (["v1.0/a.b.cls"], {"v1.0/a.b.c.png": "v1.0/a.b.cls", "v1.0/a.png": None}),
        (["1.cls"], {"1.left.jpg": "1.cls", "1.right.jpg": "1.cls"}),  # by the convention
        (["1.target.cls"], {"1.jpg": "1.target.cls"}),
        (["1.cls.txt", "2.CLASS", "3.label"], {"1.png": "1.cls.txt", "2.png": "2.CLASS", "3.png": "3.label"}),
    ],
)
def test_a_file_describes_the_images_that_share_the_longest_name(files, images):
    assert described(files, list(images)) == list(images.values())


def test_two_files_that_differ_are_refused():
    with pytest.raises(InputError, match=r"1.jpg may be described by 1.a.cls or by 1.b.cls, which differ"):
        described(["1.a.cls", "1.b.cls"], ["1.jpg"])


def test_a_file_that_cannot_be_read_is_an_error_only_if_it_describes_an_image():
    texts = Texts(JSON)
    texts.add(Text("meta/train.json", InputError("too large")))
    (text,) = texts.of(["meta/train.jpg"])
    assert texts.of(["1.jpg"]) == [None]
    with pytest.raises(InputError, match="too large"):
        text.read()


KEYS = st.text("a.1", min_size=1).filter(lambda key: not key.startswith(".") and not key.endswith("."))


@given(st.sets(KEYS), st.sampled_from([".cls", ".cls.txt", ".label"]))
def test_every_image_with_a_file_of_its_whole_name_gets_it(keys, ending):
    order = sorted(keys)
    assert described([f"{key}{ending}" for key in order], [f"{key}.png" for key in order]) == [
        f"{key}{ending}" for key in order
    ]
