"""Held-out checks with and without copies of images learned from."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.datasets import smooth_images
from tests.runs import analyse

QUICK = {"scales": False, "permutations": 1, "rank": 12}


@pytest.fixture(scope="module")
def leaked(tmp_path_factory):
    """Labels that have nothing to do with the images; 57 of 60 test images are training images, saved as JPEG again."""
    folder = tmp_path_factory.mktemp("leaked")
    random = np.random.default_rng(0)
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32)))
    for number in range(160):
        # Like photographs: the amplitude of a wave is less, the higher its frequency.
        waves = np.fft.fft2(random.standard_normal((32, 32))) / np.maximum(frequencies, 1 / 32) ** 1.5
        pixels = np.fft.ifft2(waves).real
        image = Image.fromarray((128 + 45 * pixels / pixels.std()).clip(0, 255).astype(np.uint8))
        name = "ab"[number % 2]
        for split in ("train", "test"):
            (folder / "data" / split / name).mkdir(parents=True, exist_ok=True)
        if number < 157:
            image.save(folder / "data" / "train" / name / f"{number}.png")
        if number >= 100:
            file = io.BytesIO()
            image.save(file, "JPEG", quality=40)
            (folder / "data" / "test" / name / f"{number}.jpg").write_bytes(file.getvalue())
    return analyse(folder / "data", folder / "workspace", **QUICK)


def test_copies_by_jpeg_of_poor_quality_are_leaks(leaked):
    row = leaked.tables["duplication"].to_pylist()[0]
    assert (row["other_split"], row["exactly_leaked"], row["leaked"]) == (60, 0, 57)
    assert row["leaked_fraction"] == pytest.approx(57 / 60)


def test_held_out_checks_are_made_again_without_them(leaked):
    for name in ("held_out", "judges"):
        for row in leaked.tables[name].to_pylist():
            assert (row["judged"], row["clean_judged"]) == (60, 3)
            right = row["clean_accuracy"] * 3
            assert right == pytest.approx(round(right))
    quadratic = leaked.tables["held_out"].to_pylist()[1]
    assert quadratic["accuracy"] > 0.6 > quadratic["shuffled_accuracy"]
    assert quadratic["clean_p_value"] > 0.1


def test_without_a_search_nothing_is_called_honest(tmp_path):

    run = analyse(smooth_images(tmp_path / "data", count=20), tmp_path / "workspace", neighbours=0, **QUICK)
    for name in ("held_out", "judges"):
        for row in run.tables[name].to_pylist():
            assert row["clean_judged"] is row["clean_accuracy"] is None
            assert row["judged"] > 0
