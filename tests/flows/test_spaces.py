"""Runs in other spaces than that of all coefficients."""

import numpy as np
import pytest

from storage.errors import InputError
from tasks.report.reconstruct import reconstruct_image
from tests import naive
from tests.datasets import write_images
from tests.runs import analyse

SETTINGS = {"rank": 6, "solver": "gram"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("data") / "images", shape=(16, 16, 3), count=30)


def test_an_orthonormal_transform_of_all_bands_is_pixel_pca(folder, tmp_path):
    from PIL import Image  # noqa: PLC0415

    run = analyse(folder, tmp_path, **SETTINGS)
    keys = run.tables["samples"]["key"].to_pylist()
    pixels = np.array([np.asarray(Image.open(folder / key), dtype=np.float64).ravel() / 255 for key in keys])
    _, values, vectors, energy = naive.svd(pixels, 6)
    patterns = run.tables["patterns"].to_pandas()
    np.testing.assert_allclose(patterns.singular_value, values, rtol=1e-5)
    np.testing.assert_allclose(patterns.energy_share, values**2 / energy, rtol=1e-5)
    images = run.pattern_images[:].reshape(6, -1)
    np.testing.assert_allclose(np.abs((images * vectors).sum(axis=1)), 1, atol=1e-5)
    scores = (pixels - pixels.mean(axis=0)) @ images.T
    np.testing.assert_allclose(run.scores[:], scores, atol=1e-4)
    labels = run.tables["samples"]["class_id"].to_numpy()
    found = run.tables["learnability"]["learnability"][0].as_py()
    assert found == pytest.approx(naive.learnability(scores, labels), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "coefficients", "shape"),
    [
        ({"bands": "LL,HH2", "weights": "LL=0.5"}, 2 * 16 * 3, (16, 16, 3)),
        ({"colour": "gray"}, 256, (16, 16, 1)),
        ({"colour": "ycbcr", "threshold": 0.5, "dtype": "float16"}, 768, (16, 16, 3)),
        ({"transform": "modulus"}, 7 * 64 * 3, (16, 16, 3)),
        ({"transform": "scattering"}, 9 * 64 * 3 + 16 * 16 * 3, (16, 16, 3)),
        ({"transform": "scattering", "colour": "gray", "octaves": 3, "cells": 4}, 13 * 16 + 48 * 4, (16, 16, 1)),
    ],
)
def test_runs_in_other_spaces(folder, tmp_path, settings, coefficients, shape):
    run = analyse(folder, tmp_path, **SETTINGS, **settings)
    assert run.coefficients.shape == (60, coefficients)
    assert run.pattern_images.shape == (6, *shape)
    bands = run.coefficients.attrs["bands"]
    assert bands[-1]["stop"] == coefficients
    _, values, _, _ = naive.svd(run.coefficients[:], 6)
    np.testing.assert_allclose(run.tables["patterns"]["singular_value"], values, rtol=1e-5)
    key = run.tables["samples"]["key"][0].as_py()
    assert run.reconstruct(key, 3).shape == shape
    if "transform" in settings:
        with pytest.raises(InputError, match=f"{settings['transform']}, which has no inverse"):
            reconstruct_image(run, key, 3, tmp_path / "x.png", steps=False)
    else:
        reconstruct_image(run, key, 3, tmp_path / "x.png", steps=True)
        assert (tmp_path / "x.png").stat().st_size > 0
    assert run.class_pattern_image(0).shape == run.pattern_image(1).shape == shape


def test_a_band_that_is_not_there_is_refused_by_name(folder, tmp_path):
    with pytest.raises(InputError, match=r"There is no band 3 among LL2, .*: change --bands"):
        analyse(folder, tmp_path, bands="3")


@pytest.mark.parametrize("solver", ["krylov", "gram", "dual"])
def test_scales_are_decomposed_alike_by_every_solver(folder, tmp_path, solver):
    run = analyse(folder, tmp_path, rank=6, solver=solver, shard_size=2**15)
    assert len(run.manifest.shards) > 4
    table = run.tables["scales"].to_pandas()
    assert len(table) == 2 + 7 + 21
    coefficients, labels = run.coefficients[:].astype(np.float64), run.tables["samples"]["class_id"].to_numpy()
    bands = {(band["orientation"], band["level"]): band for band in run.coefficients.attrs["bands"]}
    for row in table[table.orientation.notna()].to_dict("records"):
        band = bands[row["orientation"], row["level"]]
        own = coefficients[:, band["start"] : band["stop"]]
        if not np.isnan(row["channel"]):
            own = np.split(own, 3, axis=1)[int(row["channel"])]
        _, values, vectors, energy = naive.svd(own, int(row["patterns"]))
        assert row["coefficients"] == own.shape[1]
        assert row["captured"] == pytest.approx((values**2).sum() / energy, rel=2e-3)
        scores = (own - own.mean(axis=0)) @ vectors.T
        assert row["learnability"] == pytest.approx(naive.learnability(scores, labels), rel=0.15)
    whole = table[table.orientation.isna() | table.channel.isna()]
    assert whole[whole.orientation.notna()].energy_share.sum() == pytest.approx(1, rel=1e-5)
    # The classes differ in brightness alone.
    best = table.loc[table.learnability.idxmax()]
    assert best.orientation == "LL"
    assert best.learnability > best.shuffled_max


def test_scales_of_scattering_are_orders_levels_and_bands(folder, tmp_path):
    run = analyse(folder, tmp_path, rank=6, transform="scattering")
    table = run.tables["scales"].to_pandas()
    assert len(table) == 2 + 3 + 25  # order 2 has one level
    rows = table.to_dict("records")
    assert [(row["order"], row["coefficients"]) for row in rows[:2]] == [(1, 8 * 64 * 3), (2, 16 * 16 * 3)]
    assert [(row["order"], row["level"]) for row in rows[2:5]] == [(1, 2), (1, 1), (2, 2)]
    assert table[5:].set_index(["orientation", "level"]).index.is_unique
    assert table.energy_share[5:].sum() == pytest.approx(1, rel=1e-5)
    attributes = run.coefficients.attrs
    assert (attributes["transform"], attributes["colour"], attributes["angles"]) == ("scattering", "ycbcr", 4)
    assert "wavelet" not in attributes
    band = attributes["bands"][-1]
    assert (band["order"], band["scales"], band["angles"]) == (2, [1, 2], [135.0, 135.0])
    assert len(run.tables["pattern_bands"]) == 6 * 25 * 3


def test_images_too_small_for_scattering_are_refused(tmp_path):
    small = write_images(tmp_path / "data", shape=(8, 8, 3), count=12)
    with pytest.raises(InputError, match="at least 16 x 16 pixels, and these have 8 x 8: set --size 32"):
        analyse(small, tmp_path, transform="scattering")


def test_energy_of_patterns_is_spread_over_bands(folder, tmp_path):
    run = analyse(folder, tmp_path, **SETTINGS, scales=False)
    assert len(run.tables["scales"]) == 0
    table = run.tables["pattern_bands"].to_pandas()
    assert len(table) == 6 * 7 * 3
    np.testing.assert_allclose(table.groupby("pattern").energy_share.sum(), 1, rtol=1e-5)
    pattern, band = run.patterns[2], run.coefficients.attrs["bands"][3]
    own = np.split(pattern[band["start"] : band["stop"]], 3)[1]
    row = table.query("pattern == 2 and level == 2 and orientation == 'HH' and channel == 1")
    assert row.energy_share.item() == pytest.approx((own**2).sum(), rel=1e-5)
