"""From the bytes of one image to an array of pixels, or to the reason why not."""

import io
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from storage.errors import BadImageError
from storage.pixels.layout import unit_range

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]

# Formats decoded by code that only decodes: EPS, say, would start an interpreter.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm"}
)
MAX_PIXELS = 2**26
GRAY_MODES = frozenset({"1", "L", "LA", "I;16", "I;16L", "I;16B"})
SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16L", "I;16B"})
BACKGROUND = "white"  # what shows through transparent pixels
PNM_WHITE = 2**16 - 1  # Pillow spreads more than 8 bits of a PNM file over 16, in a mode of 32

ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class ImageForm:
    """The one shape all images of a run are brought to.

    Attributes
    ----------
    height, width
        Pixels.
    channels
        1 (gray) or 3 (RGB).
    fit
        What may be done about images of another size: nothing (None: they are refused), fill the frame and `crop`
        what stands over, or fit into it and `pad` with black.
    value_range
        Black and white in images of floating-point numbers, or of integers whose type does not say.
    """

    height: int
    width: int
    channels: int
    fit: Literal["crop", "pad"] | None = None
    value_range: tuple[float, float] | None = None


def open_image(payload: bytes) -> Image.Image:
    """Identify an encoded image by its header, without decoding its pixels.

    Raises
    ------
    BadImageError
        If it is empty, of no known format, or larger than `MAX_PIXELS`.
    """
    if not payload:
        raise BadImageError("empty", "the file has no bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(payload), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise BadImageError("too large", str(error).split(",")[0]) from None
    except UnidentifiedImageError:
        raise BadImageError("unknown format", f"not one of {', '.join(FORMATS)}") from None
    except Exception as error:  # noqa: BLE001 - header parsers raise anything on damaged files
        raise BadImageError("corrupt", f"{type(error).__name__}: {error}") from None
    if image.width * image.height > MAX_PIXELS:
        raise BadImageError("too large", f"{image.width} x {image.height} pixels, more than {MAX_PIXELS}")
    return image


def to_image(stored: npt.NDArray[np.generic]) -> Image.Image:
    """An image from its pixels (height, width, channels)."""
    return Image.fromarray(np.ascontiguousarray(stored[..., 0] if stored.shape[2] == 1 else stored))


def pixels(image: Image.Image, form: ImageForm) -> Pixels:
    """Decode an image into an array (height, width, channels).

    It is of uint8, of uint16 for 16-bit gray images, or of float32 in [0, 1] for those that need `form.value_range`.

    EXIF rotation is applied, transparency is laid over white, palette, CMYK and other modes become RGB or gray.

    Raises
    ------
    BadImageError
        If the pixels cannot be decoded completely or have no known range, or the image has another size and `form`
        does not say what to do.
    """
    try:
        # Damaged metadata draws a warning from Pillow: the pixels decide whether the image is good.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            if image.getexif().get(ORIENTATION_TAG, 1) != 1:
                image = ImageOps.exif_transpose(image)
            image = _in_mode(image, form)
    except BadImageError:
        raise
    except Exception as error:  # noqa: BLE001 - as above, and each kind means that this image is damaged
        reason = "truncated" if "truncated" in str(error) else "corrupt"
        raise BadImageError(reason, f"{type(error).__name__}: {error}") from None
    array = np.asarray(in_size(image, form))
    if array.ndim == 2:  # noqa: PLR2004
        array = array[:, :, None]
    return np.broadcast_to(array, (*array.shape[:2], form.channels))


def _in_mode(image: Image.Image, form: ImageForm) -> Image.Image:
    if image.mode in SIXTEEN_BIT_MODES:
        return image
    if image.mode in {"I", "F"}:
        white = PNM_WHITE if image.format == "PPM" else None
        return Image.fromarray(unit_range(np.asarray(image), white, form.value_range))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUND), image)
    target = "L" if form.channels == 1 else "RGB"
    return image if image.mode == target else image.convert(target)


def in_size(image: Image.Image, form: ImageForm) -> Image.Image:
    """Bring an image to the form's size.

    Raises
    ------
    BadImageError
        If it has another size, and `form` does not say what to do.
    """
    wanted = (form.width, form.height)
    if image.size == wanted:
        return image
    if form.fit is None:
        raise BadImageError(
            "size", f"{image.width} x {image.height} pixels where the dataset has {form.width} x {form.height}"
        )
    resize = ImageOps.fit if form.fit == "crop" else ImageOps.pad
    return resize(image, wanted, method=Image.Resampling.BICUBIC)
