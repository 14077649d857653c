import io

import numpy as np
import pytest
from PIL import Image

from storage.errors import BadImageError
from storage.pixels.files import as_file
from storage.pixels.images import FORMATS
from storage.pixels.layout import PixelLayout


@pytest.mark.parametrize("kind", FORMATS)
def test_image_files_stay_as_they_are(kind):
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (200, 10, 30)).save(file, kind)
    ending, content = as_file(file.getvalue(), None)
    assert content == file.getvalue()
    assert Image.registered_extensions()[ending] == kind


@pytest.mark.parametrize(
    ("dtype", "channels", "planar"),
    [("uint8", 1, False), ("uint8", 3, True), ("uint8", 4, False), ("<u2", 1, False), (">u2", 1, True)],
)
def test_plain_pixels_come_back_from_png(dtype, channels, planar):
    layout = PixelLayout(5, 7, channels, dtype, planar)
    shape = (channels, 5, 7) if planar else (5, 7, channels)
    values = np.random.default_rng(0).integers(0, 256 ** np.dtype(dtype).itemsize, shape).astype(dtype)
    ending, content = as_file(values.tobytes(), layout)
    assert ending == ".png"
    with Image.open(io.BytesIO(content)) as image:
        found = np.asarray(image).reshape(5, 7, channels)
    np.testing.assert_array_equal(found, layout.unpack(values.tobytes()))


@pytest.mark.parametrize(
    "layout",
    [
        PixelLayout(1, 8, 1, "float32", features=True),
        PixelLayout(4, 4, 3, "uint16"),
        PixelLayout(4, 4, 1, "float32"),
        PixelLayout(4, 4, 1, "uint8", white=16.0),
    ],
)
def test_what_no_file_holds_without_loss_is_refused(layout):
    with pytest.raises(BadImageError, match="without loss"):
        as_file(bytes(layout.nbytes), layout)
