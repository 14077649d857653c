import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.planning.memory import IMAGES, KEPT_BYTES
from tasks.transform.images import BLOCK_BYTES
from tasks.wavelet.scattering import ScatteringTransform
from tasks.wavelet.space import CoefficientSpace
from tests import naive
from tests.strategies import seeds

sides = st.integers(16, 64)


def space_of(height, width, channels, **options):
    chosen = {"octaves": None, "angles": 4, "cells": 8, "logarithm": True} | options
    return CoefficientSpace(ScatteringTransform(height=height, width=width, **chosen), channels)


def images(count, height, width, channels, seed=0):
    return np.random.default_rng(seed).random((count, height, width, channels), dtype=np.float32)


def by_path(space, row, channel=0):
    """Averages of a channel, by the scales and angles of their waves."""
    found = {}
    for band in space.bands:
        values = row[band.start : band.stop].reshape(space.channels, band.rows, band.columns)
        found[tuple((wave.scale, wave.angle) for wave in band.path)] = values[channel]
    return found


@pytest.mark.parametrize(
    ("height", "width", "octaves", "angles", "cells"),
    [(16, 16, 3, 4, 8), (17, 22, 2, 4, 4), (20, 19, 3, 3, 5), (16, 18, 2, 6, 8), (35, 16, 2, 2, 3)],
)
def test_equals_the_definition(height, width, octaves, angles, cells):
    space = space_of(height, width, 2, octaves=octaves, angles=angles, cells=cells, logarithm=False)
    image = images(1, height, width, 2)
    row = space.forward(image)[0]
    expected = naive.scattering(image[0, :, :, 1].astype(np.float64), octaves, angles, cells)
    found = by_path(space, row, channel=1)
    assert found.keys() == expected.keys()
    for path, values in expected.items():
        np.testing.assert_allclose(found[path], values, atol=2e-6, err_msg=str(path))


@given(sides, sides, st.sampled_from([1, 3]), st.integers(2, 9), st.integers(1, 9), seeds)
@settings(max_examples=25, deadline=None)
def test_any_image_has_finite_coefficients_of_its_own(height, width, channels, angles, cells, seed):
    space = space_of(height, width, channels, angles=angles, cells=cells)
    batch = images(3, height, width, channels, seed)
    rows = space.forward(batch)
    assert rows.shape == (3, space.coefficients)
    assert np.isfinite(rows).all()
    octaves, halves = space.transform.level, max(1, cells // 2)
    pairs = octaves * (octaves - 1) // 2 * angles**2
    assert space.coefficients == channels * ((1 + octaves * angles) * cells**2 + pairs * halves**2)
    batch[1] = np.nan
    spoilt = space.forward(batch)
    assert np.isnan(spoilt[1]).all()
    assert np.array_equal(spoilt[[0, 2]], rows[[0, 2]])


@given(sides, sides, st.integers(2, 8), st.floats(0, 1, width=32))
@settings(max_examples=20, deadline=None)
def test_a_flat_image_has_no_waves(height, width, angles, gray):
    space = space_of(height, width, 1, angles=angles, logarithm=False)
    found = by_path(space, space.forward(np.full((1, height, width, 1), gray, np.float32))[0])
    np.testing.assert_allclose(found.pop(()), gray, atol=1e-5)
    assert max(np.abs(values).max() for values in found.values()) < 1e-5


def test_coefficients_scale_with_contrast_and_know_no_sign():
    space = space_of(32, 24, 1, logarithm=False)
    batch = images(4, 32, 24, 1)
    rows = space.forward(np.concatenate([batch, 0.5 * batch, 1 - batch]))
    waves = slice(space.bands[1].start, None)
    np.testing.assert_allclose(rows[4:8], 0.5 * rows[:4], atol=1e-6)
    np.testing.assert_allclose(rows[8:, waves], rows[:4, waves], atol=1e-5)


def test_logarithms_are_of_the_averages_above_a_floor():
    plain, logarithms = (space_of(32, 32, 1, logarithm=chosen) for chosen in (False, True))
    batch = images(2, 32, 32, 1)
    for row, values in zip(plain.forward(batch), logarithms.forward(batch), strict=True):
        found = by_path(logarithms, values)
        for path, average in by_path(plain, row).items():
            expected = 2 * average if not path else np.log(average + (0.03, 0.002)[len(path) - 1])
            np.testing.assert_allclose(found[path], expected, atol=1e-4)


@pytest.mark.parametrize("angle", [0, 45, 90, 135])
def test_a_wave_is_found_at_its_scale_and_angle(angle):
    down, right = np.mgrid[:64, :64]
    along = np.cos(np.radians(angle)) * right + np.sin(np.radians(angle)) * down  # to the right, and downwards
    for scale in (1, 2, 3):
        wave = 0.5 + 0.5 * np.cos(3 * np.pi / 4 / 2 ** (scale - 1) * along)
        space = space_of(64, 64, 1, logarithm=False)
        found = by_path(space, space.forward(wave[None, :, :, None].astype(np.float32))[0])
        first = {path: values.mean() for path, values in found.items() if len(path) == 1}
        assert max(first, key=first.get) == ((scale, angle),)


def test_moving_an_image_hardly_changes_it():
    random = np.random.default_rng(3)
    big = random.random((1, 68, 68, 1), dtype=np.float32)
    first, moved = big[:, :64, :64], big[:, :64, 1:65]
    space = space_of(64, 64, 1, cells=4, logarithm=False)
    rows = space.forward(np.concatenate([first, moved]))
    waves = rows[:, space.bands[1].start :]
    assert np.linalg.norm(waves[0] - waves[1]) < 0.15 * np.linalg.norm(waves[0] - waves[0].mean())
    assert np.linalg.norm(first - moved) > 1.2 * np.linalg.norm(first - first.mean())


def test_orders_hold_less_energy_than_the_image():
    batch = images(4, 32, 32, 1) - np.float32(0.5)
    space = space_of(32, 32, 1, logarithm=False)
    for row, image in zip(space.forward(batch), batch, strict=True):
        found = by_path(space, row)
        energy = [0.0, 0.0, 0.0]
        for path, values in found.items():
            energy[len(path)] += float((values**2).mean())
        assert energy[0] > 0
        assert energy[1] > energy[2] > 0
        assert sum(energy) < float((image**2).mean())


def test_chosen_bands_are_those_of_all():
    whole = space_of(32, 32, 3)
    batch = images(3, 32, 32, 3)
    rows = whole.forward(batch)
    for chosen in ("LL", "S1", "S2", "S1,S23", "3", "details"):
        space = CoefficientSpace(whole.transform, 3, chosen=chosen, weights="S1=2")
        found = space.forward(batch)
        for band in space.bands:
            same = next(other for other in whole.bands if other.path == band.path)
            factor = 2 if band.order == 1 else 1
            assert np.array_equal(found[:, band.start : band.stop], factor * rows[:, same.start : same.stop])
    with pytest.raises(ValueError, match="There is no band S14 among LL3, S13, S12, S11, S23, S22: change"):
        _ = CoefficientSpace(whole.transform, 3, chosen="S14").bands


def test_names_of_bands_are_unique_and_say_their_waves():
    bands = space_of(32, 32, 1).bands
    assert len({(band.orientation, band.level) for band in bands}) == len(bands) == 61
    assert (bands[0].orientation, bands[0].order, bands[0].rows) == ("LL", 0, 8)
    assert (bands[2].orientation, bands[2].level, bands[2].order) == ("45°", 3, 1)
    last = bands[-1].attributes
    assert (last["orientation"], last["level"]) == ("135° at 1 > 135°", 2)
    assert (last["order"], last["scales"], last["angles"], last["rows"]) == (2, [1, 2], [135.0, 135.0], 4)


@pytest.mark.parametrize(("side", "octaves"), [(16, 2), (28, 3), (32, 3), (64, 4), (128, 5), (256, 5)])
def test_octaves_suit_the_size(side, octaves):
    transform = ScatteringTransform(None, 4, 8, True, side, side)
    transform.require_possible()
    assert transform.level == octaves


def test_what_is_too_small_is_refused():
    with pytest.raises(ValueError, match="at least 16 x 16 pixels, and these have 40 x 8: set --size 32"):
        space_of(8, 40, 1).transform.require_possible()
    with pytest.raises(ValueError, match="5 octaves are too many for images of 32 x 40 pixels: set --octaves 4"):
        space_of(40, 32, 1, octaves=5).transform.require_possible()


def test_pictures_are_maps_of_the_strength_of_waves():
    space = space_of(32, 32, 3)
    row = np.zeros((1, space.coefficients), np.float32)
    row[0, : space.bands[0].stop] = 7  # the mean is no strength
    row[0, space.bands[1].start + 64] = 60  # second channel, upper left cell of 8 x 8
    maps = space.picture(row)
    assert maps.shape == (1, 32, 32, 3)
    assert maps[0, :4, :4, 1] == pytest.approx(1)
    assert maps.sum() == pytest.approx(16)


@pytest.mark.parametrize(("side", "angles"), [(16, 4), (32, 4), (64, 16), (256, 8)])
def test_memory_of_a_block_is_what_the_plan_projects(side, angles):
    space = space_of(side, side, 3, angles=angles)
    planes = np.zeros((max(1, BLOCK_BYTES // (4 * side * side * 3)), 3, side, side), np.float32)
    out = np.empty((len(planes), space.coefficients), np.float32)
    space.forward(np.moveaxis(planes[:1], 1, 3))  # filters stay
    tracemalloc.start()
    space.forward(np.moveaxis(planes, 1, 3), out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak + planes.nbytes < IMAGES - KEPT_BYTES
