import numpy as np
import pytest

from storage.settings import Settings
from tasks.planning.space import coefficient_space
from tasks.wavelet.mirrored import MirroredSpace
from tasks.wavelet.reduced import ReducedSpace


@pytest.mark.parametrize("transform", ["dwt", "modulus", "scattering"])
@pytest.mark.parametrize("width", [17, 48])  # of which the wider images are averaged down
def test_coefficients_are_those_of_images_mirrored_by_hand(transform, width):
    images = np.random.default_rng(0).random((3, 24, width, 3), np.float32)
    space = ReducedSpace(coefficient_space(Settings(transform=transform), 24, min(width, 24), 3), 24, width)
    by_hand = np.stack([np.fliplr(image) for image in images])
    out = np.empty((3, space.coefficients), np.float32)
    assert MirroredSpace(space).forward(images, out) is out
    assert np.array_equal(out, space.forward(by_hand))
