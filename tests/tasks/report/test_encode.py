import base64
import io

import numpy as np
import pytest
from PIL import Image

from tasks.report import encode as encode_pictures
from tasks.report.encode import fitting_rows, fitting_uris, small_uri


def size_of(uri):
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        return image.size


def smooth(side):
    across = np.linspace(0, 255, side)
    return np.stack([np.add.outer(across, across) / 2] * 3, axis=2).astype(np.uint8)


def noise(side, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def test_pictures_that_fit_keep_all_their_pixels():
    assert {size_of(uri) for uri in fitting_uris([smooth(224)] * 3)} == {(224, 224)}
    assert fitting_uris([]) == []


@pytest.mark.parametrize("picture", [noise(224), smooth(224)])
def test_pictures_are_made_smaller_until_all_fit(monkeypatch, picture):
    monkeypatch.setattr(encode_pictures, "FEW_BYTES", 3000)
    uris = fitting_uris([picture, picture])
    held = sum(len(base64.b64decode(uri.partition(",")[2])) for uri in uris)
    assert held <= 3000 or size_of(uris[0])[0] == encode_pictures.LEAST
    assert 32 <= size_of(uris[0])[0] <= 224


def test_more_pictures_may_take_more(monkeypatch):
    monkeypatch.setattr(encode_pictures, "FEW_PICTURES", 1)
    monkeypatch.setattr(encode_pictures, "FEW_BYTES", 3000)
    few, more = (size_of(fitting_uris([noise(128, seed) for seed in range(count)])[0])[0] for count in (1, 30))
    assert more <= few


def test_small_ones_are_cards_and_squares_are_exact():
    assert size_of(small_uri(smooth(224))) == (96, 96)
    pixels = noise(20)
    with Image.open(io.BytesIO(base64.b64decode(small_uri(pixels).partition(",")[2]))) as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_suspects_come_first_then_exemplars_by_place(monkeypatch):
    exemplars = [{"positive": [1, 2, 3], "negative": [4, 5, 6]}, {"positive": [7, 8], "negative": [9, 1]}]
    sizes = dict.fromkeys(range(1, 12), 100)
    assert fitting_rows(exemplars, sizes, [11, 99, 11]) == [11, 1, 4, 7, 9, 2, 5, 8, 3, 6]
    monkeypatch.setattr(encode_pictures, "THUMBNAIL_BYTES", 800)
    assert fitting_rows(exemplars, sizes, [11]) == [11, 1, 4, 7, 9, 2, 5, 8]
    monkeypatch.setattr(encode_pictures, "THUMBNAIL_BYTES", 10)
    assert fitting_rows(exemplars, sizes, [11]) == [11]
