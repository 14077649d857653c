"""The same images give the same learnability to the last digit, in whatever format they come."""

import numpy as np
import pytest

from tests.formats import ENCODED, FORMATS, make_images
from tests.runs import analyse


@pytest.fixture(scope="module")
def images():
    return make_images(count=24)


@pytest.fixture(scope="module")
def from_folder(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder")
    return analyse(FORMATS["folder"](folder / "data", images), folder / "workspace", rank=6, shard_size=2**18)


QUICK = {"hugging-face", "idx", "webdataset"}  # one of each way of reading


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in FORMATS if name != "folder"],
)
def test_every_format_gives_the_same_bits(name, images, from_folder, tmp_path):
    run = analyse(FORMATS[name](tmp_path / "data", images), tmp_path / "workspace", rank=6, shard_size=2**18)
    assert np.array_equal(run.coefficients[:], from_folder.coefficients[:])
    assert np.array_equal(run.scores[:], from_folder.scores[:])
    assert run.manifest.learnability["learnability"] == from_folder.manifest.learnability["learnability"]
    if name in ENCODED:  # stored bytes are the same too
        digests = [other.tables["samples"]["digest"] for other in (run, from_folder)]
        assert digests[0] == digests[1]
