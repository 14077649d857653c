from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from storage.errors import InputError
from tasks.report.reconstruct import reconstruct_image
from tests.datasets import write_images
from tests.runs import analyse


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with as many patterns as there are, so that nothing is missing, odd sides, and a rejected image."""
    folder = tmp_path_factory.mktemp("reconstruct")
    images = write_images(folder / "data", shape=(6, 7, 3), count=20)
    (images / "cat" / "bad.png").write_bytes(b"no image")
    return analyse(
        images, folder / "workspace", rank=38, max_bad_fraction=0.1, mode="symmetric", wavelet="db2", level=1
    )


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def original(run):
    return pixels_of(Path(run.manifest.source) / "dog" / "003.png") / 255


def test_an_image_is_the_sum_of_its_patterns(run, original):
    errors = [np.abs(run.reconstruct("dog/003.png", rank) - original).max() for rank in (0, 5, 38)]
    assert errors[0] > errors[1] > 0.05
    assert errors[2] < 0.3
    scores, row = run.scores[:], run.row("dog/003.png")
    expected = run.mean_image[:] + sum(scores[row, j] * run.pattern_image(j) for j in range(5))
    np.testing.assert_allclose(run.reconstruct("dog/003.png", 5), expected, atol=1e-5)
    np.testing.assert_allclose(run.reconstruct("dog/003.png", 0), run.mean_image[:], atol=1e-6)


def test_all_directions_rebuild_the_image_exactly(tmp_path):
    images = write_images(tmp_path / "data", shape=(4, 4), count=20)
    run = analyse(images, tmp_path / "workspace", rank=16, level=1)
    for key in ("cat/000.png", "dog/019.png"):
        image = pixels_of(images / key)[:, :, None] / 255
        np.testing.assert_allclose(run.reconstruct(key, 16), image, atol=1e-5)
    found = reconstruct_image(run, "cat/000.png", None, tmp_path / "one.png", steps=False)
    assert found.rank == 16
    assert found.psnr is None or found.psnr > 90
    assert np.array_equal(pixels_of(tmp_path / "one.png"), pixels_of(images / "cat" / "000.png"))


def test_class_and_generalized_patterns_are_sums_of_patterns(run):
    from storage.arrays.zarr import open_array  # noqa: PLC0415

    loadings = open_array(run.paths.class_loadings)[1, 2]
    expected = sum(loadings[j] * run.pattern_image(j) for j in range(38))
    np.testing.assert_allclose(run.class_pattern_image(1, 2), expected, atol=1e-5)
    loadings = open_array(run.paths.generalized_loadings)[3]
    expected = sum(loadings[j] * run.pattern_image(j) for j in range(38))
    np.testing.assert_allclose(run.generalized_pattern_image(3), expected, atol=1e-5)


def test_the_strip_shows_the_growing_sum_and_the_image(run, original, tmp_path):
    found = reconstruct_image(run, "dog/003.png", 6, tmp_path / "strip.png", steps=True)
    assert found.rank == 6
    assert found.psnr == pytest.approx(
        -10 * np.log10(((run.reconstruct("dog/003.png", 6).clip(0, 1) - original) ** 2).mean()), abs=0.01
    )
    strip = pixels_of(tmp_path / "strip.png")
    # mean, 1, 2, 4 and 6 patterns, the image; each 7 x 6 pixels 16-fold, and in two rows.
    assert strip.shape == (8 + 2 * (96 + 18 + 8), 8 + 6 * (112 + 8), 3)
    last = strip[8 : 8 + 96 : 16, 8 + 5 * 120 : 8 + 5 * 120 + 112 : 16]
    np.testing.assert_allclose(last / 255, original, atol=0.51 / 255)


@pytest.mark.parametrize(
    ("key", "rank", "message"),
    [
        ("dog/999.png", 3, r"no image 'dog/999.png'; .* such as 'cat/000.png'"),
        ("cat/bad.png", 3, "was rejected; the table rejects says why"),
        ("dog/003.png", 39, "has 38 patterns; choose a rank from 0 to 38"),
        ("dog/003.png", -1, "choose a rank from 0 to 38"),
    ],
)
def test_what_cannot_be_rebuilt_is_refused(run, tmp_path, key, rank, message):
    with pytest.raises(InputError, match=message):
        reconstruct_image(run, key, rank, tmp_path / "none.png", steps=False)
    assert not (tmp_path / "none.png").exists()
