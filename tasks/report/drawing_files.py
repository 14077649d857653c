"""Write drawings as files: SVG for papers, PNG for all other uses."""

import base64
import io
from collections.abc import Callable
from functools import cache
from html import escape
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from tasks.dtypes import UInt8

FONT = 12  # height of letters, in pixels
RUNS = 3  # zlib's strategy for runs of bytes (Z_RLE): measured twice as fast on sheets, and no larger
FINER = 3  # pixels of a PNG per pixel of the drawing


def to_svg(drawing: Any) -> bytes:  # noqa: ANN401 - a tasks.report.drawing.Drawing; storage knows only its shape
    """Encode a drawing as an SVG file. Marks are dispatched by the names of their types."""
    width, height, marks, title, description = drawing
    body = "\n".join(_SVG[type(mark).__name__](*mark) for mark in marks)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="Helvetica, Arial, sans-serif" font-size="{FONT}">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n"
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    ).encode("utf-8", "replace")


def to_png(drawing: Any) -> bytes:  # noqa: ANN401
    """Encode a drawing as a PNG file with three pixels per pixel of the drawing."""
    width, height, marks, *_ = drawing
    image = Image.new("RGB", (round(width * FINER), round(height * FINER)), "white")
    for mark in marks:
        _PNG[type(mark).__name__](image, *mark)
    content = io.BytesIO()
    image.save(content, format="PNG", compress_type=RUNS)
    return content.getvalue()


def _svg_line(points: Any, colour: str, width: float) -> str:  # noqa: ANN401
    path = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>'


def _svg_box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" fill="{colour}"/>'


def _svg_text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" dy=".35em" text-anchor="{anchor}">{escape(text)}</text>'


def _svg_raster(x: float, y: float, width: float, height: float, pixels: UInt8) -> str:
    placed = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" style="image-rendering:pixelated"'
    return _svg_image(placed, pixels, "png")


def _svg_photograph(x: float, y: float, width: float, height: float, pixels: UInt8) -> str:
    # Lossless pictures would make the file too large for papers; the PNG has them without loss.
    placed = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
    return _svg_image(placed, pixels, "jpeg", quality=92, subsampling=0)


def _svg_image(placed: str, pixels: UInt8, kind: str, **options: int) -> str:
    content = io.BytesIO()
    _picture(pixels).save(content, format=kind, **options)
    encoded = base64.b64encode(content.getvalue()).decode()
    return f'<image {placed} preserveAspectRatio="none" href="data:image/{kind};base64,{encoded}"/>'


def _png_line(image: Image.Image, points: Any, colour: str, width: float) -> None:  # noqa: ANN401
    scaled = [(x * FINER, y * FINER) for x, y in points]
    ImageDraw.Draw(image).line(scaled, fill=colour, width=max(1, round(width * FINER)), joint="curve")


def _png_box(  # noqa: PLR0913, PLR0917 - a mark's own
    image: Image.Image, x: float, y: float, width: float, height: float, colour: str
) -> None:
    corners = [x * FINER, y * FINER, (x + width) * FINER, (y + height) * FINER]
    ImageDraw.Draw(image).rectangle(corners, fill=colour)


def _png_text(image: Image.Image, x: float, y: float, text: str, anchor: str) -> None:
    side = {"start": "l", "middle": "m", "end": "r"}[anchor]
    ImageDraw.Draw(image).text((x * FINER, y * FINER), text, fill="black", font=_font(), anchor=f"{side}m")


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(FONT * FINER)


def _png_raster(  # noqa: PLR0913, PLR0917 - a mark's own
    image: Image.Image, x: float, y: float, width: float, height: float, pixels: UInt8
) -> None:
    size = max(1, round(width * FINER)), max(1, round(height * FINER))
    enlarged = _picture(pixels).resize(size, Image.Resampling.NEAREST).convert("RGB")
    image.paste(enlarged, (round(x * FINER), round(y * FINER)))


def _picture(pixels: UInt8) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


_SVG: dict[str, Callable[..., str]] = {
    "Line": _svg_line,
    "Box": _svg_box,
    "Text": _svg_text,
    "Raster": _svg_raster,
    "Photograph": _svg_photograph,
}
_PNG: dict[str, Callable[..., None]] = {
    "Line": _png_line,
    "Box": _png_box,
    "Text": _png_text,
    "Raster": _png_raster,
    "Photograph": _png_raster,
}
