"""A script without eigenwave: Pillow, a PyWavelets loop, scikit-learn and pandas, all in memory.

`python script_sklearn.py FOLDER OUT RANK` writes singular values and tables to OUT.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pywt
from PIL import Image
from scipy.stats import f_oneway, false_discovery_control
from sklearn.decomposition import PCA

folder, out, rank = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
files = sorted(folder.glob("*/*.jpg"))
labels = pd.Categorical([path.parent.name for path in files])


def coefficients(path: Path) -> np.ndarray:
    image = np.asarray(Image.open(path), np.float32) / 255
    channels = [pywt.wavedec2(image[:, :, channel], "haar", "periodization", 2) for channel in range(image.shape[2])]
    return np.concatenate([pywt.coeffs_to_array(channel)[0].ravel() for channel in channels])


def learnability(scores: np.ndarray, codes: np.ndarray) -> float:
    centred = scores - scores.mean(axis=0)
    means = pd.DataFrame(centred).groupby(codes).transform("mean").to_numpy()
    between = means.T @ means
    return float(np.trace(np.linalg.solve(centred.T @ centred, between))) / (len(set(codes)) - 1)


matrix = np.stack([coefficients(path) for path in files])
pca = PCA(rank, random_state=0)
scores = pca.fit_transform(matrix).astype(np.float64)
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
