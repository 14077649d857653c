import io

import numpy as np
import pytest
from PIL import Image

from tasks.explore.pictures import Pictures
from tests.datasets import write_images
from tests.runs import analyse


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = write_images(tmp_path_factory.mktemp("pictures") / "data", shape=(16, 16, 3), count=10)
    (folder / "dog" / "bad.png").write_bytes(b"no image")
    return folder


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.content)).convert("RGB"))


def rows_of(run):
    return dict(zip(*(run.tables["samples"][name].to_pylist() for name in ("key", "row")), strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_an_image_comes_back_from_its_coefficients(data, tmp_path, dtype):
    run = analyse(data, tmp_path, rank=3, max_bad_fraction=0.2, dtype=dtype, shard_size=2**15)
    pictures = Pictures(run)
    rows = rows_of(run)
    for name in ("cat/000.png", "dog/009.png"):
        picture = pictures.of(rows[name])
        original = np.asarray(Image.open(data / name).convert("RGB")).astype(int)
        assert picture.media == "image/png"
        assert np.abs(pixels(picture) - original).max() <= (0 if dtype == "float32" else 1)
    assert pictures.of(rows["dog/bad.png"]) is None


def test_without_an_inverse_there_are_the_thumbnails_that_were_kept(data, tmp_path):
    run = analyse(data, tmp_path, report=True, rank=3, max_bad_fraction=0.2, transform="modulus")
    kept = dict(zip(*(run.tables["thumbnails"][name].to_pylist() for name in ("row", "image")), strict=True))
    pictures = Pictures(run)
    for row in rows_of(run).values():
        picture = pictures.of(row)
        assert (picture and picture.content) == kept.get(row)
    assert kept
