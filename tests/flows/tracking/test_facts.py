"""Pictures in the artifacts: they match the report, and are small enough to embed in text."""

import io

import numpy as np
import pytest
from PIL import Image

from flows import stages
from flows.tracking.facts import draw_classes, draw_patterns
from flows.workers.fanout import InlineFanout
from tests.datasets import write_images

TILE = 96


def sheet_of(content):
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image).astype(int)


def tile(sheet, number):
    left, top = 8 + (TILE + 8) * (number % 8), 8 + (TILE + 26) * (number // 8)
    return sheet[top : top + TILE, left : left + TILE]


@pytest.mark.parametrize("transform", ["dwt", "modulus"])
def test_artifacts_show_leading_patterns_and_classes_and_are_small(tmp_path, make_job, transform):
    images = write_images(tmp_path / "data", shape=(224, 224, 3), count=12)
    job = make_job(images, rank=16, transform=transform, scales=False, permutations=1, tolerance=0.9)
    stages.compute(job, InlineFanout())
    patterns, classes = draw_patterns(job), draw_classes(job)
    # Noise is what no format makes small.
    assert len(patterns) < 600_000
    assert len(classes) < 100_000
    drawn = sheet_of(patterns)
    assert drawn.shape[:2] == (8 + 2 * (TILE + 26), 8 + 8 * (TILE + 8))
    assert all(tile(drawn, number).std() > 10 for number in range(16))
    # A pattern with a sign lies on gray; a map of strength is violet or orange nearly everywhere.
    red, green, blue = np.median(tile(drawn, 3), (0, 1))
    assert (max(abs(value - 128) for value in (red, green, blue)) < 40) == (transform == "dwt")
    assert bool(classes) == (transform == "dwt")
