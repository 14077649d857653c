"""Drawings, and the files that are made of them."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from tasks.report.drawing import CONTROL, OURS, Curve, bars, chart, heat_map, sheet
from tasks.report.drawing_files import to_png, to_svg

SVG = "{http://www.w3.org/2000/svg}"


def parsed(drawing):
    """The root of a drawing as SVG, its texts, and how many there are of each kind of mark."""
    root = ET.fromstring(to_svg(drawing))  # noqa: S314 - our own
    texts = [element.text for element in root.iter(f"{SVG}text")]
    return root, texts, {kind: len(list(root.iter(f"{SVG}{kind}"))) for kind in ("rect", "polyline", "image", "text")}


def pixels_of(drawing):
    with Image.open(io.BytesIO(to_png(drawing))) as image:
        return np.asarray(image)


def colour_of(code):
    return tuple(int(code[place : place + 2], 16) for place in (1, 3, 5))


def count_of(pixels, code):
    return int((pixels == colour_of(code)).all(axis=2).sum())


def test_a_chart_has_its_curves_where_they_belong():
    x = np.array([0.0, 1, 2])
    drawing = chart(
        [
            Curve(x, np.array([0.0, 2, 1]), OURS, "<ours>"),
            Curve(x, np.array([1, np.nan, 1]), CONTROL, "dots", dots=True),
        ],
        "x & y",
        "value",
    ).titled("A <title>", "What & why")
    root, texts, counts = parsed(drawing)
    assert (root.find(f"{SVG}title").text, root.find(f"{SVG}desc").text) == ("A <title>", "What & why")
    assert {"<ours>", "dots", "x & y", "value"} <= set(texts)
    assert counts["rect"] == 1 + 2 + 2  # the page, two dots of three, two colours in the legend
    curve = next(line for line in root.iter(f"{SVG}polyline") if line.get("stroke") == OURS)
    points = [tuple(map(float, point.split(","))) for point in curve.get("points").split()]
    assert [point[0] for point in points] == sorted(point[0] for point in points)
    assert points[1][1] < points[2][1] < points[0][1]
    pixels = pixels_of(drawing)
    assert pixels.shape == (900, 1440, 3)
    assert count_of(pixels, OURS) > 1000
    assert count_of(pixels, CONTROL) > 2 * 18 * 18 - 80


def test_a_logarithmic_chart_has_powers_of_ten_at_equal_distances():
    x = np.array([200.0, 1000, 10_000, 200_000])
    root, texts, _ = parsed(chart([Curve(x, np.ones(4), OURS, "ours")], "images", "value", logarithmic=True))
    assert {"1,000", "10,000", "100,000"} <= set(texts)
    assert not {"100", "1,000,000"} & set(texts)
    places = {text.text: float(text.get("x")) for text in root.iter(f"{SVG}text")}
    assert places["100,000"] - places["10,000"] == pytest.approx(places["10,000"] - places["1,000"], abs=0.1)
    line = next(line for line in root.iter(f"{SVG}polyline") if line.get("stroke") == OURS)
    points = [float(point.split(",")[0]) for point in line.get("points").split()]
    assert points[1:3] == pytest.approx([places["1,000"], places["10,000"]], abs=0.1)


def test_a_chart_without_a_positive_value_has_an_axis_too():
    _, texts, _ = parsed(chart([Curve(np.arange(3.0), np.array([-0.1, -0.2, 0]), OURS, "ours")], "x", "y"))
    assert {"0", "0.5", "1"} <= set(texts)


def test_a_legend_does_not_overlap_itself():
    curves = [Curve(np.arange(3.0), np.arange(3.0), OURS, label) for label in ("accuracy", "R squared, shuffled")]
    root, _, _ = parsed(chart(curves, "x", "y"))
    starts = {text.text: float(text.get("x")) for text in root.iter(f"{SVG}text")}
    boxes = sorted(float(box.get("x")) for box in root.iter(f"{SVG}rect") if box.get("fill") == OURS)
    assert boxes[0] < starts["accuracy"] < starts["accuracy"] + 6 * len("accuracy") < boxes[1]
    assert starts["R squared, shuffled"] + 5 * len("R squared, shuffled") < 480


def test_bars_are_as_high_as_their_values():
    drawing = bars({"LL2": (0.8, 0.1), "HH1": (0.2, None)}, "learnability")
    root, texts, counts = parsed(drawing)
    assert {"LL2", "HH1", "learnability", "labels", "shuffled, most"} <= set(texts)
    heights = [float(box.get("height")) for box in root.iter(f"{SVG}rect") if box.get("fill") == OURS]
    assert heights[0] == pytest.approx(4 * heights[1], rel=1e-3)
    assert counts["rect"] == 1 + 2 + 2
    controls = [line for line in root.iter(f"{SVG}polyline") if line.get("stroke") == CONTROL]
    assert len(controls) == 1


def test_a_map_has_a_name_for_each_row_and_white_for_nothing():
    names = ["cat", "dog", "<b>"]
    values = np.array([[1.0, -1], [0, 0], [np.nan, 0.5]])
    _, texts, counts = parsed(heat_map(values, names, "Cohen's d"))
    assert set(names) <= set(texts)
    assert counts["image"] == 2
    raster = heat_map(values, names, "Cohen's d").marks[0].pixels
    assert raster[1].tolist() == [[247, 247, 247]] * 2
    assert raster[2, 0].tolist() == [128, 128, 128]
    assert raster[0, 0, 0] > raster[0, 0, 2]
    assert raster[0, 1, 0] < raster[0, 1, 2]


def test_a_large_map_stays_exact():
    root, _, _ = parsed(heat_map(np.random.default_rng(0).standard_normal((10, 256)), ["cat"] * 10, "d"))
    assert all(image.get("href").startswith("data:image/png;") for image in root.iter(f"{SVG}image"))


@pytest.mark.parametrize(("side", "kind"), [(8, "png"), (224, "jpeg")])
def test_a_sheet_has_every_picture_and_label(side, kind):
    random = np.random.default_rng(0)
    pictures = [(random.integers(0, 256, (side, side, 3), np.uint8), f"p{number}") for number in range(11)]
    root, texts, counts = parsed(sheet(pictures))
    assert counts["image"] == 11
    assert texts == [label for _, label in pictures]
    addresses = [image.get("href") for image in root.iter(f"{SVG}image")]
    assert all(address.startswith(f"data:image/{kind};base64,") for address in addresses)
    pixels = pixels_of(sheet(pictures))
    assert pixels.shape[:2] == (3 * (10 + 2 * 124), 3 * (10 + 8 * 106))
    assert pixels[3 * 11 : 3 * 100, 3 * 11 : 3 * 100].std() > 20
