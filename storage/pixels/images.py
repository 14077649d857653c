"""Decode the bytes of one image into an array of pixels, or give the reason why that is impossible."""

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from storage.errors import BadImageError
from storage.pixels import containers, jpeg_warnings, png
from storage.pixels.layout import unit_range
from storage.pixels.notes import counted
from storage.pixels.resizing import QUARTER_TURNS, Box, Fit, Size, part_filled, resized, scale_for

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]

# Formats whose decoders only decode. EPS, for example, would start an interpreter.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "PPM")
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif", ".ppm", ".pgm", ".pbm", ".pnm"}
)
MAX_PIXELS = 2**26
DECODING_BYTES = 24  # of memory for each pixel: WebP with transparency takes most, other formats 4 to 16
SHORT_OF_MEMORY = "memory"  # the reason why an image that is not too large in itself cannot be decoded here
NO_MEMORY = "its decoder asks for more memory than its pixels take"
GRAY_MODES = frozenset({"1", "L", "LA", "I;16", "I;16L", "I;16B"})
SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16L", "I;16B"})
BACKGROUND = "white"  # color behind transparent pixels
PNM_WHITE = 2**16 - 1  # Pillow scales PNM values of more than 8 bits to 16 bits, in a mode of 32 bits

ORIENTATION_TAG = 0x0112
JPEG_MAGIC = b"\xff\xd8\xff"
JPEG_FORMATS = frozenset({"JPEG", "MPO"})  # Pillow's names of what begins like this


@dataclass(frozen=True)
class ImageForm:
    """The form that all images of a run are converted to.

    Attributes
    ----------
    height, width
        Pixels.
    channels
        1 (gray) or 3 (RGB).
    fit
        Treatment of images of another size: None refuses them, `crop` fills the frame and cuts off the rest, `pad` fits
        them into the frame and fills the rest with black.
    value_range
        Values of black and white in images of floating-point numbers, or of integers whose type does not imply them.
    most_pixels
        Number of pixels of the largest image that this machine can decode.
    exact
        Whether JPEG files are resized from all of their pixels, instead of being decoded at a smaller scale first.
    """

    height: int
    width: int
    channels: int
    fit: Fit | None = None
    value_range: tuple[float, float] | None = None
    # Not parts of the text by which a shard is found: the first does not change pixels, and the second changes those of
    # JPEG files only, so `tasks.transform.recipe` adds it for datasets of image files.
    most_pixels: int = field(default=MAX_PIXELS, repr=False)
    exact: bool = field(default=False, repr=False)

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.width, self.height

    def scale(self, size: Size, *, turned: bool = False) -> int:
        """The scale at which a JPEG file of a size is decoded; see `storage.pixels.resizing.scale_for`.

        Parameters
        ----------
        size
            Width and height of the stored image.
        turned
            Whether its orientation swaps width and height.
        """
        if self.fit is None or self.exact:
            return 1
        return scale_for(size[::-1] if turned else size, self.size, self.fit)


def open_image(payload: bytes, notes: Counter[str] | None = None) -> Image.Image:
    """Identify an encoded image by its header, without decoding its pixels.

    Parameters
    ----------
    payload
        The file.
    notes
        Counts harmless oddities, by kind.

    Raises
    ------
    BadImageError
        If it is empty, of no known format, or larger than `MAX_PIXELS`.
    """
    if not payload:
        raise BadImageError("empty", "the file has no bytes")
    containers.require_header(payload)
    try:
        with counted(Counter() if notes is None else notes):
            image = Image.open(io.BytesIO(payload), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise BadImageError("too large", str(error).split(",")[0]) from None
    except UnidentifiedImageError:
        raise BadImageError("unknown format", f"not one of {', '.join(FORMATS)}") from None
    except MemoryError:
        raise BadImageError("too large", NO_MEMORY) from None
    except Exception as error:  # noqa: BLE001 - header parsers raise anything on damaged files
        raise BadImageError("corrupt", f"{type(error).__name__}: {error}") from None
    if image.width * image.height > MAX_PIXELS:
        raise BadImageError("too large", f"{image.width} x {image.height} pixels, more than {MAX_PIXELS}")
    return image


def decode_file(payload: bytes, form: ImageForm, notes: Counter[str] | None = None) -> Pixels:
    """Decode an image file with Pillow, and verify that the file is complete and undamaged, which Pillow does not.

    Parameters
    ----------
    payload
        The file.
    form
        Form of the array; see `pixels`.
    notes
        Counts harmless oddities, by kind.

    Raises
    ------
    BadImageError
        If the image cannot be used, or its format shows that some pixels may be wrong.
    """
    notes = Counter() if notes is None else notes
    return decode_opened(payload, open_sound(payload, notes), form, notes)


def open_sound(payload: bytes, notes: Counter[str] | None = None) -> Image.Image:
    """Identify an image as `open_image` does, and verify the checksums of a PNG file first.

    Raises
    ------
    BadImageError
        If it is damaged, or see `open_image`.
    """
    if payload.startswith(png.SIGNATURE):
        png.require_sound(payload)
    return open_image(payload, notes)


def decode_opened(payload: bytes, image: Image.Image, form: ImageForm, notes: Counter[str]) -> Pixels:
    """Decode a file that `open_sound` opened; see `decode_file`."""
    if image.width * image.height > form.most_pixels:
        raise BadImageError(SHORT_OF_MEMORY, f"{image.width} x {image.height} pixels, more than {form.most_pixels:,}")
    with counted(notes), _bad_image():
        if payload.startswith(JPEG_MAGIC):
            jpeg_warnings.require_sound(payload, notes)
        else:
            containers.require_sound(payload, image, notes)
        part = _decoded_smaller(image, form)
        image.load()
        if image.format == "PNG":
            png.require_all_rows(payload, image)
        return pixels(image, form, part)


def _decoded_smaller(image: Image.Image, form: ImageForm) -> Box | None:
    """Have a large JPEG file decoded at a smaller scale; return the part of the upright image that shows the picture.

    None if it is decoded whole.
    """
    if image.format not in JPEG_FORMATS or form.fit is None:
        return None
    size, orientation = image.size, image.getexif().get(ORIENTATION_TAG, 1)
    scale = form.scale(size, turned=orientation in QUARTER_TURNS)
    # Pillow takes the scale from a size; this one is exact, since scales are powers of 2.
    if scale == 1 or image.draft(None, (size[0] / scale, size[1] / scale)) is None:  # type: ignore[arg-type]
        return None
    return part_filled(size, scale, orientation)


def upright_size(image: Image.Image, payload: bytes) -> tuple[int, int]:
    """Width and height of an image that was opened but not decoded, once its Exif rotation is applied."""
    # Pillow decodes a whole PNG to find out that it has no Exif.
    has_exif = any(mark in payload for mark in png.EXIF_MARKS) if image.format == "PNG" else True
    try:
        turned = has_exif and image.getexif().get(ORIENTATION_TAG, 1) in QUARTER_TURNS
    except Exception:  # noqa: BLE001 - damaged metadata raises anything; decoding decides whether the image is good
        turned = False
    return (image.height, image.width) if turned else image.size


def to_image(stored: npt.NDArray[np.generic]) -> Image.Image:
    """An image from its pixels (height, width, channels)."""
    return Image.fromarray(np.ascontiguousarray(stored[..., 0] if stored.shape[2] == 1 else stored))


def pixels(image: Image.Image, form: ImageForm, part: Box | None = None) -> Pixels:
    """Decode an image into an array (height, width, channels).

    The type is uint8, uint16 for 16-bit gray images, or float32 in [0, 1] for images that need `form.value_range`.

    Exif rotation is applied. Transparent pixels are blended with white. Palette, CMYK and other modes become RGB or
    gray. If `part` is given, that part of the upright image is resized, and otherwise all of it.

    Raises
    ------
    BadImageError
        If the pixels cannot be decoded completely or have no known range, or the image has another size and `form`
        does not say what to do.
    """
    with counted(Counter()), _bad_image():
        image.load()
        if image.getexif().get(ORIENTATION_TAG, 1) != 1:
            image = ImageOps.exif_transpose(image)
        image = _in_mode(image, form)
    array = np.asarray(in_size(image, form, part))
    if array.ndim == 2:  # noqa: PLR2004
        array = array[:, :, None]
    return np.broadcast_to(array, (*array.shape[:2], form.channels))


@contextmanager
def _bad_image() -> Iterator[None]:
    """Convert any exception to a BadImageError, since decoders raise all kinds of them on damaged files."""
    try:
        yield
    except BadImageError:
        raise
    except MemoryError:
        raise BadImageError("too large", NO_MEMORY) from None
    except Exception as error:  # noqa: BLE001 - see above
        reason = "truncated" if "truncated" in str(error) else "corrupt"
        raise BadImageError(reason, f"{type(error).__name__}: {error}") from None


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


def in_size(image: Image.Image, form: ImageForm, part: Box | None = None) -> Image.Image:
    """Resize an image, or a part of it, to the form's size.

    Raises
    ------
    BadImageError
        If the image has another size, and `form` does not allow resizing.
    """
    if image.size == form.size:
        return image
    if form.fit is None:
        raise BadImageError(
            "size", f"{image.width} x {image.height} pixels where the dataset has {form.width} x {form.height}"
        )
    return resized(image, form.size, form.fit, part)
