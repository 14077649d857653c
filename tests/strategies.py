"""Hypothesis strategies for wavelets, image shapes and labelled scores."""

import numpy as np
import pywt
from hypothesis import strategies as st

from tasks.wavelet.space import CoefficientSpace
from tasks.wavelet.transform import WaveletTransform, deepest_level

wavelets = st.sampled_from(pywt.wavelist(kind="discrete"))
modes = st.sampled_from(pywt.Modes.modes)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def spaces(draw, **options):
    """Any discrete wavelet, mode and allowed level for images of any small shape."""
    wavelet = draw(wavelets)
    height, width = draw(st.integers(2, 40)), draw(st.integers(2, 40))
    level = draw(st.integers(1, deepest_level(height, width, wavelet)))
    transform = WaveletTransform(wavelet, draw(modes), level, height, width)
    return CoefficientSpace(transform, draw(st.sampled_from([1, 3])), **options)


@st.composite
def labelled_scores(draw):
    """Scores (n, k) float32 whose means differ between classes, and labels (n,), some classes perhaps empty."""
    random = np.random.default_rng(draw(seeds))
    n, k, classes = draw(st.integers(8, 60)), draw(st.integers(1, 5)), draw(st.integers(2, 6))
    labels = random.integers(0, classes, n)
    labels[:2] = [0, 1]
    shift = draw(st.sampled_from([0.0, 0.5, 5.0]))
    scores = random.standard_normal((n, k)) + shift * random.standard_normal((classes, k))[labels]
    return scores.astype(np.float32), labels, classes
