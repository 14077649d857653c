"""Compare the scattering transform with Kymatio and with its own matrix products.

Everything runs in this process on one thread, in turns; times are medians of CPU time. `make bench` prints the table.
Kymatio is not in the lock: `pip install kymatio` adds its row. Without it, a line says that the row is left out.
"""

import importlib
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # before anything loads BLAS

import numpy as np
import numpy.typing as npt
import scipy.special

from benchmarks.transform import Contenders, table
from tasks.transform.images import BLOCK_BYTES
from tasks.wavelet import morlet
from tasks.wavelet.scattering import ScatteringTransform
from tasks.wavelet.space import CoefficientSpace

Array = npt.NDArray[Any]
IN_BLOCKS = 32  # images that Kymatio transforms at once, where it is fastest


class _Recorder:
    """Stands for NumPy in the module of filters, and keeps the operands of all matrix products."""

    def __init__(self) -> None:
        self.products: list[tuple[Array, Array, Array]] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever NumPy has
        return getattr(np, name)

    def matmul(self, left: Array, right: Array, out: Array) -> Array:
        """Multiply, and keep left and right operand and the place of the result."""
        self.products.append((left, right, out))
        return np.matmul(left, right, out=out)


def recorded_products(function: Callable[[], object]) -> list[tuple[Array, Array, Array]]:
    """Return the operands and results of the matrix products that a transform makes."""
    recorder = _Recorder()
    with patch.object(morlet, "np", recorder):
        function()
    return recorder.products


def kymatio_of(side: int) -> Callable[[Array], Array] | None:
    """Return Kymatio's scattering of planes at 2 scales and 8 angles, or None if it is not installed."""
    if not hasattr(scipy.special, "sph_harm"):  # Kymatio 0.3 imports it for three dimensions, which are not used here
        scipy.special.sph_harm = None
    try:
        transform = importlib.import_module("kymatio.numpy").Scattering2D(J=2, L=8, shape=(side, side))
    except ModuleNotFoundError:
        return None
    return lambda planes: np.asarray(transform(planes))


def scattering(side: int = 32, repeats: int = 5) -> dict[str, float]:
    """Print images a second of the contenders, and return the ratios of their times to ours."""
    space = CoefficientSpace(ScatteringTransform(None, 4, 8, logarithm=True, height=side, width=side), 3, "ycbcr")
    count = max(1, BLOCK_BYTES // (4 * side * side * 3))
    planes = np.random.default_rng(0).random((count, 3, side, side), dtype=np.float32)
    images, out = np.moveaxis(planes, 1, 3), np.empty((count, space.coefficients), np.float32)
    products = recorded_products(partial(space.forward, images, out))

    def multiply() -> None:
        for left, right, place in products:
            np.matmul(left, right, out=place)

    contenders: Contenders = {
        f"eigenwave, {space.coefficients:,} coefficients": lambda: space.forward(images, out),
        "limit: its matrix products alone": multiply,
    }
    kymatio = kymatio_of(side)
    if kymatio is None:
        print("\nKymatio is not installed (pip install kymatio): its row is left out.")
    else:
        size = 3 * kymatio(planes[0, :1])[0].size
        blocks = [planes[start : start + IN_BLOCKS] for start in range(0, count, IN_BLOCKS)]
        contenders = {**contenders, f"Kymatio, NumPy, {size:,} coefficients": lambda: [kymatio(b) for b in blocks]}
    return table(f"Scattering of {side} x {side} x 3", contenders, ("images a second", count), repeats)


def main() -> None:
    """Print all tables."""
    started = time.process_time()
    for side in (32, 64):
        scattering(side)
    print(f"\n{time.process_time() - started:.0f} s of CPU time.")


if __name__ == "__main__":
    main()
