import pytest

from storage.formats.open import open_source
from storage.pixels.images import ImageForm
from storage.pixels.payloads import decode
from tests.formats import CLASSES, ENCODED, FORMATS, SIDE, make_images

FORM = ImageForm(SIDE, SIDE, 3)
NUMBERED = {"webdataset", "npz", "npz-stored"}  # written with numbers as labels, without names for them


@pytest.fixture(scope="module")
def images():
    return make_images(count=12)


@pytest.fixture(params=FORMATS)
def name(request):
    return request.param


@pytest.fixture
def source(name, tmp_path, images):
    return open_source(str(FORMATS[name](tmp_path / "data", images)))


def test_every_format_gives_the_same_samples(name, source, images):
    samples = source.samples()
    assert source.classes == (("0", "1", "2") if name in NUMBERED else CLASSES)
    assert samples["class_id"].to_pylist() == [image.label for image in images]
    assert samples["split"].to_pylist() == [image.split for image in images]
    assert len(set(samples["key"].to_pylist())) == len(images)
    assert not list(source.findings)
    assert (source.layout is None) == (name in ENCODED)


def test_every_format_gives_the_same_images(source, images):
    for payload, image in zip(source.read(source.samples()), images, strict=True):
        assert (decode(payload, source.layout, FORM) == image.pixels).all()
        assert source.layout is not None or payload == image.file


def test_any_samples_are_read_in_any_order_by_another_process(name, source, images, tmp_path):
    samples = source.samples()
    rows = [5, 4, 4, 40, 41, 0, len(images) - 1, 13]
    again = open_source(str(source_address(name, tmp_path)))
    payloads = list(again.read(samples.take(rows)))
    assert payloads == [list(source.read(samples))[row] for row in rows]


def source_address(name, tmp_path):
    inside = {"csv": "list.csv", "parquet-list": "list.parquet", "npz": "things.npz", "npz-stored": "things.npz"}
    return tmp_path / "data" / {**inside, "hdf5": "things.h5"}.get(name, "")
