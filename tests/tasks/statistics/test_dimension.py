import numpy as np
import pytest

from tasks.statistics.dimension import inverse_dimensions, likeliest_dimension, two_neighbor_dimension
from tests.naive import all_distances


def neighbour_distances(points, count=20):
    distances = all_distances(points)
    np.fill_diagonal(distances, np.inf)
    return np.sort(distances, axis=1)[:, :count]


def manifold(dimension, n=2500, width=20):
    """Points of a torus of a dimension, which has no border, in a turned space of more."""
    random = np.random.default_rng(dimension)
    angles = 2 * np.pi * random.random((n, dimension))
    circles = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    turned = np.linalg.qr(random.standard_normal((width, width)))[0][:, : 2 * dimension]
    return circles @ turned.T


@pytest.mark.parametrize("dimension", [1, 2, 4])
def test_the_dimension_of_a_manifold_is_found(dimension):
    distances = neighbour_distances(manifold(dimension))
    assert likeliest_dimension(inverse_dimensions(distances)) == pytest.approx(dimension, rel=0.08)
    assert two_neighbor_dimension(distances[:, :2]) == pytest.approx(dimension, rel=0.08)


def test_near_duplicates_do_not_change_the_likeliest_dimension():
    points = manifold(3)
    points[:250] = points[250:500] + 1e-4 * np.random.default_rng(0).standard_normal((250, 20))
    assert likeliest_dimension(inverse_dimensions(neighbour_distances(points))) == pytest.approx(3, rel=0.08)


def test_the_law_is_exact():
    """Distances drawn by the law itself, so that only chance is between estimate and truth."""
    random = np.random.default_rng(0)
    distances = np.sort(random.random((20_000, 20)), axis=1) ** (1 / 7)
    assert likeliest_dimension(inverse_dimensions(distances)) == pytest.approx(7, rel=0.01)
    # TwoNN by the same law: of the ratio of the first two distances in a ball of many.
    many = np.sort(random.random((20_000, 400)), axis=1)[:, :2] ** (1 / 7)
    assert two_neighbor_dimension(many) == pytest.approx(7, rel=0.03)


def test_without_different_neighbours_there_is_no_dimension():
    same = np.zeros((30, 20))
    assert np.isnan(likeliest_dimension(inverse_dimensions(same)))
    assert np.isnan(two_neighbor_dimension(same[:, :2]))
    assert np.isnan(likeliest_dimension(inverse_dimensions(np.full((3, 20), np.inf))))
    assert np.isnan(two_neighbor_dimension(np.full((3, 2), np.inf)))
    assert np.isnan(likeliest_dimension(np.empty(0)))
    assert np.isnan(two_neighbor_dimension(np.empty((0, 2))))
