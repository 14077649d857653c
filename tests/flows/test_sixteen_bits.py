"""A whole run on 16-bit images, of one size or resized, against NumPy and PyWavelets."""

import struct
import zlib

import numpy as np
import pytest
import pywt

from tests import naive
from tests.runs import analyse

SIDE = 16


def png(values):
    """A PNG file (ISO/IEC 15948) of 16 bits, gray (height, width) or RGB (height, width, 3); Pillow writes gray."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, 2 if values.ndim == 3 else 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def cropped(image):
    """The middle, as large as the frame."""
    top, left = (image.shape[0] - SIDE) // 2, (image.shape[1] - SIDE) // 2
    return image[top : top + SIDE, left : left + SIDE]


def padded(image):
    """In the middle of a black frame."""
    frame = np.zeros((SIDE, SIDE, *image.shape[2:]), image.dtype)
    top, left = (SIDE - image.shape[0]) // 2, (SIDE - image.shape[1]) // 2
    frame[top : top + image.shape[0], left : left + image.shape[1]] = image
    return frame


@pytest.mark.parametrize("colour", [(), (3,)], ids=["gray", "rgb"])
@pytest.mark.parametrize(
    ("sizes", "settings", "fitted"),
    [
        ([(16, 16)], {}, lambda image: image),
        ([(16, 16), (16, 22), (20, 16)], {"size": SIDE, "fit": "crop"}, cropped),
        ([(16, 16), (16, 10), (12, 16)], {"size": SIDE, "fit": "pad"}, padded),
    ],
    ids=["whole", "crop", "pad"],
)
def test_images_of_16_bits_are_analysed_at_their_own_range(tmp_path, colour, sizes, settings, fitted):
    random = np.random.default_rng(0)
    rows = {}
    for number in range(24):
        name = f"{'ab'[number % 2]}/{number:02d}.png"
        image = random.integers(0, 2**16, (*sizes[number % len(sizes)], *colour), dtype=np.uint16)
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image))
        # Of colours of 16 bits, Pillow keeps the upper eight.
        unit = (image >> 8) / 255 if colour else image / 65535
        rows[name] = naive.dwt_row(fitted(unit).reshape(SIDE, SIDE, -1), "haar", "periodization", 2)
    run = analyse(tmp_path / "data", tmp_path / "workspace", rank=4, **settings)
    expected = np.array([rows[key] for key in run.tables["samples"]["key"].to_pylist()])
    assert not len(run.tables["rejects"])
    np.testing.assert_allclose(run.coefficients[:], expected, atol=2e-6)
    _, values, _, _ = naive.svd(expected, 4)
    np.testing.assert_allclose(run.tables["patterns"]["singular_value"], values, rtol=1e-5)


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_smaller_copy_of_16_bits_keeps_their_range(tmp_path, fit):
    """A symmetric filter keeps a ramp a ramp: half as large, each pixel is the mean of those that it covers."""
    ramp = np.tile(np.arange(2 * SIDE, dtype=np.uint16), (2 * SIDE, 1))
    for number in range(12):
        path = tmp_path / "data" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(ramp * np.uint16(1001 + 90 * number)))
    run = analyse(tmp_path / "data", tmp_path / "workspace", rank=1, size=SIDE, fit=fit, level=1)
    for key, row in zip(run.tables["samples"]["key"].to_pylist(), run.coefficients[:], strict=True):
        number = int(key.split("/")[1].removesuffix(".png"))
        means = (1001 + 90 * number) * (2 * np.arange(SIDE) + 0.5) / 65535
        low, *details = row.reshape(4, SIDE // 2, SIDE // 2)
        found = pywt.idwt2((low, details), "haar", "periodization")
        np.testing.assert_allclose(found[:, 3:-3], np.tile(means[3:-3], (SIDE, 1)), atol=1.1 / 65535)


@pytest.mark.parametrize("solver", ["krylov", "gram", "dual"])
def test_images_that_differ_by_a_few_levels_are_told_apart(tmp_path, solver):
    """60,000 and noise of 12: float32 rounds these numbers by a hundredth of a level."""
    random = np.random.default_rng(0)
    rows = {}
    for number in range(60):
        name = f"{'ab'[number % 2]}/{number:02d}.png"
        image = 60_000 + np.rint(random.normal(0, 12, (SIDE, SIDE)))
        image[: SIDE // 2] += 20 * (number % 2)
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image.astype(np.uint16)))
        rows[name] = naive.dwt_row((image / 65535)[:, :, None], "haar", "periodization", 2)
    run = analyse(tmp_path / "data", tmp_path / "workspace", rank=4, solver=solver)
    exact = np.array([rows[key] for key in run.tables["samples"]["key"].to_pylist()])
    _, values, vectors, energy = naive.svd(exact, 4)
    patterns = run.tables["patterns"].to_pandas()
    np.testing.assert_allclose(patterns.singular_value, values, rtol=2e-4)
    assert run.manifest.energy == pytest.approx((values**2).sum() / energy, rel=1e-4)
    assert abs(run.patterns[0] @ vectors[0]) == pytest.approx(1, abs=1e-5)
    labels = np.array([key.startswith("b") for key in run.tables["samples"]["key"].to_pylist()])
    scores = (exact - exact.mean(axis=0)) @ vectors[:1].T
    assert patterns.eta_squared[0] == pytest.approx(naive.eta_squared(scores, labels)[0], rel=1e-3)
    assert patterns.eta_squared[0] > 0.9


def test_a_wide_scale_of_images_that_differ_by_a_few_levels_is_exact(tmp_path):
    """The approximation of level 1 has too many columns for a Gram matrix, and its mean drowns all differences."""
    random = np.random.default_rng(0)
    rows = {}
    for number in range(60):
        name = f"{'ab'[number % 2]}/{number:02d}.png"
        image = 60_000 + np.rint(random.normal(0, 12, (64, 64)))
        image[:32] += 20 * (number % 2)
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image.astype(np.uint16)))
        rows[name] = naive.dwt_row((image / 65535)[:, :, None], "haar", "periodization", 1)
    run = analyse(tmp_path / "data", tmp_path / "workspace", rank=4, level=1, solver="krylov")
    exact = np.array([rows[key] for key in run.tables["samples"]["key"].to_pylist()])[:, : 32 * 32]
    scale = next(row for row in run.tables["scales"].to_pylist() if row["orientation"] == "LL")
    _, values, _, energy = naive.svd(exact, scale["patterns"])
    assert scale["coefficients"] == 32 * 32
    assert scale["captured"] == pytest.approx((values**2).sum() / energy, rel=1e-4)
    assert scale["residual"] < 1e-3
