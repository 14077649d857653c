"""A script without eigenwave, on Dask: reading by dask.delayed, a dask array, dask-ml.

`python script_dask.py FOLDER OUT RANK` writes singular values and tables to OUT.
"""

import sys
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import pywt
from dask.delayed import delayed
from dask.distributed import Client
from dask_ml.decomposition import PCA
from PIL import Image
from scipy.stats import f_oneway, false_discovery_control

BLOCK = 5000


def coefficients(paths: list[Path]) -> np.ndarray:
    images = np.stack([np.asarray(Image.open(path), np.float32) / 255 for path in paths])
    bands = pywt.wavedec2(images, "haar", "periodization", 2, axes=(1, 2))
    flat = [bands[0], *(detail for level in bands[1:] for detail in level)]
    return np.concatenate([band.reshape(len(paths), -1) for band in flat], axis=1)


def learnability(scores: np.ndarray, codes: np.ndarray) -> float:
    centred = scores - scores.mean(axis=0)
    means = pd.DataFrame(centred).groupby(codes).transform("mean").to_numpy()
    between = means.T @ means
    return float(np.trace(np.linalg.solve(centred.T @ centred, between))) / (len(set(codes)) - 1)


def main(folder: Path, out: Path, rank: int) -> None:
    files = sorted(folder.glob("*/*.jpg"))
    labels = pd.Categorical([path.parent.name for path in files])
    width = coefficients(files[:1]).shape[1]
    blocks = [files[start : start + BLOCK] for start in range(0, len(files), BLOCK)]
    parts = [da.from_delayed(delayed(coefficients)(block), (len(block), width), dtype=np.float32) for block in blocks]
    matrix = da.concatenate(parts).persist()
    pca = PCA(rank, svd_solver="randomized", iterated_power=4, random_state=0)
    scores = pca.fit_transform(matrix).compute().astype(np.float64)
    groups = [scores[labels.codes == code] for code in range(len(labels.categories))]
    tests = [f_oneway(*(group[:, pattern] for group in groups)) for pattern in range(rank)]
    table = pd.DataFrame({"singular_value": pca.singular_values_, "f": [test.statistic for test in tests]})
    table["q"] = false_discovery_control([test.pvalue for test in tests])
    random = np.random.default_rng(0)
    shuffled = [learnability(scores, random.permutation(labels.codes)) for _ in range(20)]
    table.to_parquet(out / "patterns.parquet")
    pd.DataFrame(scores).groupby(labels, observed=True).mean().T.to_parquet(out / "pattern_class.parquet")
    np.save(out / "singular_values.npy", pca.singular_values_)
    print(f"learnability {learnability(scores, labels.codes):.4f}, shuffled {max(shuffled):.4f}")


if __name__ == "__main__":
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"):
        main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
