"""Runs in other spaces than that of all coefficients."""

import numpy as np
import pytest

from storage.errors import InputError
from tests import naive
from tests.conftest import write_images
from tests.flows.test_stages import analyse

SETTINGS = {"rank": 6, "solver": "gram"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("data") / "images", shape=(16, 16, 3), count=30)


def test_an_orthonormal_transform_of_all_bands_is_pixel_pca(folder, tmp_path):
    from PIL import Image  # noqa: PLC0415

    run = analyse(folder, tmp_path, **SETTINGS)
    keys = run.tables["samples"]["key"].to_pylist()
    pixels = np.array([np.asarray(Image.open(folder / key), dtype=np.float64).ravel() / 255 for key in keys])
    _, values, vectors, energy = naive.svd(pixels, 6)
    patterns = run.tables["patterns"].to_pandas()
    np.testing.assert_allclose(patterns.singular_value, values, rtol=1e-5)
    np.testing.assert_allclose(patterns.energy_share, values**2 / energy, rtol=1e-5)
    images = run.pattern_images[:].reshape(6, -1)
    np.testing.assert_allclose(np.abs((images * vectors).sum(axis=1)), 1, atol=1e-5)
    scores = (pixels - pixels.mean(axis=0)) @ images.T
    np.testing.assert_allclose(run.scores[:], scores, atol=1e-4)
    labels = run.tables["samples"]["class_id"].to_numpy()
    found = run.tables["learnability"]["learnability"][0].as_py()
    assert found == pytest.approx(naive.learnability(scores, labels), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "coefficients", "shape"),
    [
        ({"bands": "LL,HH2", "weights": "LL=0.5"}, 2 * 16 * 3, (16, 16, 3)),
        ({"colour": "gray"}, 256, (16, 16, 1)),
        ({"colour": "ycbcr", "threshold": 0.5, "dtype": "float16"}, 768, (16, 16, 3)),
        ({"transform": "modulus"}, 7 * 64 * 3, (16, 16, 1)),
    ],
)
def test_runs_in_other_spaces(folder, tmp_path, settings, coefficients, shape):
    run = analyse(folder, tmp_path, **SETTINGS, **settings)
    assert run.coefficients.shape == (60, coefficients)
    assert run.pattern_images.shape == (6, *shape)
    bands = run.coefficients.attrs["bands"]
    assert bands[-1]["stop"] == coefficients
    _, values, _, _ = naive.svd(run.coefficients[:], 6)
    np.testing.assert_allclose(run.tables["patterns"]["singular_value"], values, rtol=1e-5)
    key = run.tables["samples"]["key"][0].as_py()
    if settings.get("transform") == "modulus":
        with pytest.raises(InputError, match="modulus, which cannot be undone"):
            run.reconstruct(key, 3)
    else:
        assert run.reconstruct(key, 3).shape == shape


def test_a_band_that_is_not_there_is_refused_by_name(folder, tmp_path):
    with pytest.raises(InputError, match=r"There is no band 3 among LL2, .*: change --bands"):
        analyse(folder, tmp_path, bands="3")
