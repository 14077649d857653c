"""Images that were made bad on purpose are found, and others are not."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from tasks.wavelet.properties import PROPERTIES, properties
from tests.datasets import photographs, write_photographs
from tests.runs import analyse

COUNT, EACH = 450, 3
RANDOM = np.random.default_rng(8)
# How an image is made bad, by the kind as which it should be found.
SPOILT = {
    "dark": lambda image: image * 0.15,
    "bright": lambda image: 1 - (1 - image) * 0.15,
    "flat": lambda image: 0.5 + (image - image.mean()) * 0.05,
    "blurred": lambda image: gaussian_filter(image, (2, 2, 0)),
    "nearly empty": lambda image: np.where(np.arange(32)[:, None, None] < 30, 0.1, image),
    "outlier": lambda image: RANDOM.integers(0, 2, image.shape).astype(float),
    "odd size": lambda image: np.repeat(np.repeat(image, 3, axis=0), 3, axis=1),
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """The source, and the names of the bad images by kind: some of each, all among the first."""
    folder = tmp_path_factory.mktemp("planted")
    images, names = list(photographs(COUNT)), {}
    write_photographs(folder / "source", images)
    for place, (kind, spoil) in enumerate(SPOILT.items()):
        numbers = range(place * EACH, (place + 1) * EACH)
        names[kind] = {f"{class_of(number)}/{number:04d}.png" for number in numbers}
        for number in numbers:
            content = (255 * spoil(images[number])).round().astype(np.uint8)
            Image.fromarray(content).save(folder / "source" / class_of(number) / f"{number:04d}.png")
    return folder / "source", names


def class_of(number):
    return ("cat", "dog", "ship")[number % 3]


@pytest.fixture(scope="module")
def run(planted, tmp_path_factory):
    return analyse(planted[0], tmp_path_factory.mktemp("run"), size=32, rank=8, permutations=2, scales=False)


def found(run):
    quality = run.tables["quality"].to_pandas()
    return {kind: set(rows["key"]) for kind, rows in quality.groupby("kind", observed=True)}


def test_every_planted_image_is_found(run, planted):
    stands_out = found(run)
    for kind, names in planted[1].items():
        assert names <= stands_out.get(kind, set()), kind


def test_next_to_nothing_else_is_found(run, planted):
    known = set().union(*planted[1].values())
    others = {(kind, key) for kind, keys in found(run).items() for key in keys - known}
    assert len(others) <= 2, others


def test_rows_say_why(run):
    quality = run.tables["quality"].to_pandas()
    assert quality.severity.between(0.5, 1).all()
    assert quality.evidence.str.endswith(".").all()
    of_kinds = [rows for _, rows in quality.groupby("kind", observed=True, sort=False)]
    assert all(rows.severity.is_monotonic_decreasing for rows in of_kinds)
    small = quality[quality.kind == "odd size"]
    assert small.evidence.tolist() == ["It has 9,216 pixels; the median image has 1,024."] * EACH
    assert (small.typical.round() == 1024).all()


def test_kinds_are_counted_by_class(run):
    quality, counted = run.tables["quality"].to_pandas(), run.tables["quality_classes"].to_pandas()
    assert (
        counted.groupby("kind", observed=True)["count"].sum().to_dict()
        == quality.groupby("kind", observed=True).size().to_dict()
    )
    assert (counted["images"] == COUNT // 3).all()
    assert (counted.q_value > 0.05).all()  # each kind was planted once in each class


def test_issues_list_them(run):
    quality = run.tables["quality"].to_pandas()
    issues = run.tables["issues"].to_pandas().set_index(["key", "kind"])
    assert len(quality)
    for row in quality.itertuples():
        issue = issues.loc[row.key, row.kind]
        assert issue.severity == pytest.approx(0.4 * row.severity)
        assert issue.evidence == row.evidence
    counted = run.tables["issue_kinds"].to_pandas().set_index("kind")
    assert counted.loc["dark", ["found", "listed"]].tolist() == [EACH, EACH]


def test_images_without_a_label_are_counted_apart(tmp_path):
    images = photographs(200, seed=4)
    images[[0, 5]] *= 0.15
    write_photographs(tmp_path / "source", images)
    names = sorted(path.relative_to(tmp_path / "source").as_posix() for path in (tmp_path / "source").rglob("*.png"))
    lines = [f"{name},{'' if name.endswith(('0000.png', '0007.png')) else name[:3]}" for name in names]
    (tmp_path / "source" / "list.csv").write_text("\n".join(["path,label", *lines]))
    settings = {"rank": 4, "permutations": 2, "scales": False, "unlabelled": "keep"}
    run = analyse(tmp_path / "source" / "list.csv", tmp_path / "ws", **settings)
    counted = run.tables["quality_classes"].to_pandas()
    dark = counted[counted.kind == "dark"].set_index("class_id")
    assert dark["count"].sum() == 2
    assert dark.loc[-2, ["images", "count"]].tolist() == [2, 1]
    assert dark.loc[-2].isna()[["class_name", "expected", "p_value", "q_value"]].all()
    assert found(run)["dark"] == {"cat/0000.png", "ship/0005.png"}


def test_properties_are_those_of_the_images(run, planted):
    table = run.tables["properties"].to_pandas().set_index("key")
    samples = run.tables["samples"].to_pandas().set_index("key")
    assert table.index.equals(samples.index)
    for number in (0, 40, 449):
        path = planted[0] / class_of(number) / f"{number:04d}.png"
        row = table.loc[f"{class_of(number)}/{number:04d}.png"]
        image = np.asarray(Image.open(path))
        expected = properties(np.ascontiguousarray(image[None] / np.float32(255)))[0]
        np.testing.assert_allclose(row[list(PROPERTIES)].astype(float), expected, rtol=1e-5, atol=1e-6)
        assert (row.width, row.height, row["mode"], row.bytes) == (32, 32, "RGB", path.stat().st_size)


def test_results_do_not_depend_on_the_size_of_shards(run, planted, tmp_path):
    other = analyse(
        planted[0], tmp_path, size=32, rank=8, permutations=2, scales=False, shard_size=2**19, solver="gram"
    )
    assert len(other.manifest.property_shards) > len(run.manifest.property_shards)
    assert found(other) == found(run)
    ours, theirs = (each.tables["properties"].to_pandas() for each in (run, other))
    for name in PROPERTIES:
        assert np.array_equal(ours[name], theirs[name], equal_nan=True), name


def test_a_kind_of_one_class_is_told(tmp_path):
    images = photographs(300, seed=2)
    images[:90:3] *= 0.15
    run = analyse(write_photographs(tmp_path / "source", images), tmp_path / "ws", rank=4, permutations=2, scales=False)
    counted = run.tables["quality_classes"].to_pandas()
    row = counted[(counted.kind == "dark") & (counted.class_name == "cat")].iloc[0]
    assert row["count"] == 30
    assert row["share"] == pytest.approx(0.3)
    assert row.q_value < 1e-6
    assert row.cramers_v > 0.3


def test_digits_have_no_bad_images(tmp_path):
    run = analyse("digits", tmp_path, rank=16, permutations=2, scales=False)
    assert found(run) == {}


@pytest.mark.slow
def test_mnist_has_few_bad_images(real_data, tmp_path):
    run = analyse(real_data / "mnist-t10k", tmp_path, permutations=2, scales=False)
    assert len(run.tables["quality"]) <= 20
