"""Oracles: the obvious code in float64, without regard to speed or memory."""

import numpy as np
import pywt
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis


def dwt_row(image, wavelet, mode, level):
    """Coefficients of one image (height, width, channels) by band, channel, row, column, by PyWavelets' own loop."""
    channels = [pywt.wavedec2(image[:, :, channel], wavelet, mode, level) for channel in range(image.shape[2])]
    row = [channel[0].ravel() for channel in channels]
    for step in range(1, level + 1):
        for orientation in range(3):
            row += [channel[step][orientation].ravel() for channel in channels]
    return np.concatenate(row)


def dwt_back(image, wavelet, mode, level):
    """What PyWavelets makes of its coefficients of one image: itself, but for wavelets that only nearly do so."""
    planes = [
        pywt.waverec2(pywt.wavedec2(image[:, :, channel], wavelet, mode, level), wavelet, mode)
        for channel in range(image.shape[2])
    ]
    return np.stack(planes, axis=-1)[: image.shape[0], : image.shape[1]]


def windowed(plane, rows, columns):
    """Weighted means of a plane in rows x columns triangular windows, each from the centers of the cells beside it."""

    def weights(length, cells):
        position = (np.arange(length) + 0.5) / length * cells - 0.5  # the center of cell c is at c
        tent = np.array([[max(0, 1 - abs(at - cell)) for at in position] for cell in range(cells)])
        return tent / tent.sum(axis=1, keepdims=True)

    return weights(plane.shape[0], rows) @ plane @ weights(plane.shape[1], columns).T


def modulus_row(image, wavelet, level):
    """Stationary transform of an image, its details as log(0.1 + modulus), in 8 x 8 windows, by band and channel."""
    row = {}
    for channel in range(image.shape[2]):
        for step, (approximation, details) in enumerate(pywt.swt2(image[:, :, channel], wavelet, level)):
            bands = (approximation, *details) if step == 0 else details
            for number, band in enumerate(bands, 4 - len(bands)):
                cells = windowed(np.log(0.1 + np.abs(band)) if number else band, 8, 8)
                row[number == 0, -step, -number, -channel] = cells.ravel()
    return np.concatenate([row[key] for key in sorted(row, reverse=True)])


def scattering(image, octaves, angles, cells):
    """Averages of orders 0, 1 and 2 of one channel, without logarithms, by their waves (scale, angle in degrees).

    Each modulus is a sum over a patch of the image, which continues symmetrically, times a two-dimensional wavelet.
    """
    height, width = image.shape
    paths = {(): windowed(image, cells, cells)}
    for scale in range(1, octaves + 1):
        for angle in 180 * np.arange(angles) / angles:
            one = _wave_modulus(image, scale, angle, 1)
            paths[(scale, angle),] = _window_of_grid(one, cells, height, width, 2 ** (scale - 1))
            for later in range(scale + 1, octaves + 1):
                for other in 180 * np.arange(angles) / angles:
                    two = _wave_modulus(one, later, other, 2 ** (scale - 1))
                    small = max(1, cells // 2)
                    paths[(scale, angle), (later, other)] = _window_of_grid(two, small, height, width, 2 ** (later - 1))
    return paths


def _wave_modulus(plane, scale, angle, spacing):
    """Modulus of the Morlet wavelet of a scale at every 2**(scale - 1)-th pixel of a plane sampled at `spacing`."""
    deviation, stride = 0.8 * 2 ** (scale - 1) / spacing, 2 ** (scale - 1) // spacing
    along = 3 * np.pi / 4 / 2 ** (scale - 1) * spacing
    reach = int(np.ceil(5 * deviation)) + 1
    padded = np.pad(plane, reach + 1, "symmetric")
    down, right = (
        (side - 1 - (-(-side // stride) - 1) * stride) / 2 + stride * np.arange(-(-side // stride))
        for side in plane.shape
    )
    found = np.empty((len(down), len(right)))
    for row, y in enumerate(down):
        for column, x in enumerate(right):
            ys, xs = (
                np.arange(np.floor(y) - reach, np.floor(y) + reach + 2),
                np.arange(np.floor(x) - reach, np.floor(x) + reach + 2),
            )
            dy, dx = np.meshgrid(ys - y, xs - x, indexing="ij")
            bell = np.exp(-(dy**2 + dx**2) / (2 * deviation**2)) * (np.abs(dy) <= reach) * (np.abs(dx) <= reach)
            bell /= bell.sum()
            wave = np.exp(1j * along * (np.cos(np.radians(angle)) * dx + np.sin(np.radians(angle)) * dy))
            wavelet = bell * (wave - (bell * wave).sum())
            patch = padded[np.ix_((ys + reach + 1).astype(int), (xs + reach + 1).astype(int))]
            found[row, column] = abs((wavelet * patch).sum())
    return found


def _window_of_grid(plane, cells, height, width, spacing):
    """Weighted means in triangular windows of values at every `spacing`-th pixel, about the middle of the image."""

    def weights(count, side):
        pixels = (np.arange(count) - (count - 1) / 2) * spacing
        centers = (np.arange(cells) + 0.5) * side / cells - side / 2
        tent = np.maximum(0, 1 - np.abs(pixels - centers[:, None]) / max(side / cells, spacing))
        return tent / tent.sum(axis=1, keepdims=True)

    return weights(plane.shape[0], height) @ plane @ weights(plane.shape[1], width).T


def svd(matrix, rank, *, centre=True):
    """Mean, leading singular values, right singular vectors as rows, and total energy, of a matrix in float64."""
    matrix = matrix.astype(np.float64)
    mean = matrix.mean(axis=0) if centre else np.zeros(matrix.shape[1])
    _, values, vectors = np.linalg.svd(matrix - mean, full_matrices=False)
    return mean, values[:rank], vectors[:rank], float((values**2).sum())


def eta_squared(scores, labels):
    """Between-class over total sum of squares of each column."""
    mean = scores.mean(axis=0)
    total = ((scores - mean) ** 2).sum(axis=0)
    between = sum(
        (labels == label).sum() * (scores[labels == label].mean(axis=0) - mean) ** 2 for label in np.unique(labels)
    )
    return between / total


def pooled_within(scores, labels):
    """Mean square within classes of each column."""
    classes = np.unique(labels)
    within = sum(((scores[labels == c] - scores[labels == c].mean(axis=0)) ** 2).sum(axis=0) for c in classes)
    return within / (len(labels) - len(classes))


def welch(groups):
    """Welch's F (1951) of groups of numbers, and its p-value."""
    count = len(groups)
    weights = [len(group) / np.var(group, ddof=1) for group in groups]
    mean = np.average([np.mean(group) for group in groups], weights=weights)
    above = sum(w * (np.mean(g) - mean) ** 2 for w, g in zip(weights, groups, strict=True)) / (count - 1)
    doubt = sum((1 - w / sum(weights)) ** 2 / (len(g) - 1) for w, g in zip(weights, groups, strict=True))
    statistic = above / (1 + 2 * (count - 2) / (count**2 - 1) * doubt)
    return statistic, stats.f.sf(statistic, count - 1, (count**2 - 1) / (3 * doubt))


def brown_forsythe(groups):
    """Brown and Forsythe's statistic (1974) of groups of numbers, and its p-value after Mehrotra (1997)."""
    n, mean = sum(map(len, groups)), np.mean(np.concatenate(groups))
    shares, variances = [len(g) / n for g in groups], [np.var(g, ddof=1) for g in groups]
    within = sum((1 - f) * v for f, v in zip(shares, variances, strict=True))
    statistic = sum(len(g) * (np.mean(g) - mean) ** 2 for g in groups) / within
    pairs = list(zip(shares, variances, strict=True))
    above = within**2 / (
        sum(v**2 for v in variances) + sum(f * v for f, v in pairs) ** 2 - 2 * sum(f * v**2 for f, v in pairs)
    )
    below = 1 / sum(((1 - f) * v / within) ** 2 / (len(g) - 1) for (f, v), g in zip(pairs, groups, strict=True))
    return statistic, stats.f.sf(statistic, above, below)


def cohens_d(scores, labels, label):
    """Mean of a class minus mean of the others, in pooled within-class deviations."""
    own, others = scores[labels == label], scores[labels != label]
    return (own.mean(axis=0) - others.mean(axis=0)) / np.sqrt(pooled_within(scores, labels))


def learnability(scores, labels):
    """Pillai's trace over C - 1, by inverting the total scatter."""
    centred = scores - scores.mean(axis=0)
    total = centred.T @ centred
    between = np.zeros_like(total)
    classes = np.unique(labels)
    for label in classes:
        mean = centred[labels == label].mean(axis=0)
        between += (labels == label).sum() * np.outer(mean, mean)
    return np.trace(np.linalg.pinv(total, rcond=1e-10, hermitian=True) @ between) / (len(classes) - 1)


def benjamini_hochberg(p_values):
    """Adjusted p-values, by the definition: the least level at which each hypothesis is rejected."""
    count = len(p_values)
    ordered = np.sort(p_values)
    return np.array(
        [min(min(1.0, ordered[j] * count / (j + 1)) for j in range(count) if ordered[j] >= p) for p in p_values]
    )


def class_covariances(scores, labels, classes):
    """Mean outer product of the scores of each class about the mean of all images, None without images."""
    centred = scores - scores.mean(axis=0)
    found = [centred[labels == label] for label in range(classes)]
    return [rows.T @ rows / len(rows) if len(rows) else None for rows in found]


def quadratic_posteriors(scores, labels, classes, judged, prior=None):
    """Log of frequency times normal density of each class for each judged image, covariances drawn together."""
    n, k = scores.shape
    prior = k if prior is None else prior
    own = [scores[labels == label] for label in range(classes)]
    pooled, columns = pooled_covariance(scores, labels), []
    for rows in own:
        if not len(rows):
            columns.append(np.full(len(judged), -np.inf))
            continue
        spread = (rows - rows.mean(axis=0)).T @ (rows - rows.mean(axis=0))
        covariance = (spread + prior * pooled) / (len(rows) + prior)
        away = judged - rows.mean(axis=0)
        distance = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away)
        columns.append(np.log(len(rows) / n) - np.linalg.slogdet(covariance)[1] / 2 - distance / 2)
    return np.stack(columns, axis=1)


def pooled_covariance(scores, labels):
    """Covariance about class means, with as many degrees of freedom as images less classes."""
    own = [scores[labels == label] for label in np.unique(labels)]
    scatter = sum((rows - rows.mean(axis=0)).T @ (rows - rows.mean(axis=0)) for rows in own)
    return scatter / (len(labels) - len(own))


def left_out_quadratic(scores, labels, classes, prior):
    """The same for each image, fitted to all others; the prior is lowered with the degrees of freedom."""
    rows, freedom = [], len(labels) - len(np.unique(labels))
    for one in range(len(labels)):
        others = np.arange(len(labels)) != one
        lowered = prior * (freedom - 1) / freedom if (labels[others] == labels[one]).any() else prior
        rows.append(quadratic_posteriors(scores[others], labels[others], classes, scores[[one]], lowered)[0])
    return np.stack(rows)


def all_distances(scores, queries=None):
    """Euclidean distances from each query (q, k) to each row of scores (n, k), by default between all rows."""
    scores = scores.astype(np.float64)
    queries = scores if queries is None else queries.astype(np.float64)
    return np.stack([np.sqrt(((scores - query) ** 2).sum(axis=1)) for query in queries]) if len(queries) else queries


def near_duplicates(scores, largest, least):
    """Pairs of rows of scores (n, k) that are nearer than their yardsticks allow, with their relative distance."""
    distances = all_distances(scores)
    np.fill_diagonal(distances, np.inf)
    yardsticks = np.maximum([np.median(np.sort(row)[5:20]) for row in distances], least)
    pairs = {}
    for first in range(len(scores)):
        for second in range(first + 1, len(scores)):
            relative = distances[first, second] / max(yardsticks[first], yardsticks[second])
            if relative < largest:
                pairs[first, second] = relative
    return pairs


def image_properties(image):
    """Properties of an image (height, width, channels) in [0, 1], pixel by pixel, in float64."""
    image = image.astype(np.float64)
    height, width, channels = image.shape
    weights = {1: [1.0], 3: [0.299, 0.587, 0.114]}[channels]
    luma = image @ np.array(weights)
    gradients = [(luma[y + 1, x] - luma[y, x]) ** 2 for y in range(height - 1) for x in range(width)]
    across = [(luma[y, x + 1] - luma[y, x]) ** 2 for y in range(height) for x in range(width - 1)]
    laplacians = [
        (luma[y - 1, x] + luma[y + 1, x] + luma[y, x - 1] + luma[y, x + 1] - 4 * luma[y, x]) ** 2
        for y in range(1, height - 1)
        for x in range(1, width - 1)
    ]
    energy = (np.mean(gradients) + np.mean(across)) if laplacians else 0.0
    # In the arithmetic of images, so that a pixel at the border of two levels is on the same side.
    luma32 = image[..., 0].astype(np.float32) if channels == 1 else _luma32(image.astype(np.float32))
    levels = np.minimum((luma32.ravel() * np.float32(32)).astype(int), 31)
    counts = np.array([(levels == level).sum() for level in range(32)]) / levels.size
    opponents = [np.zeros(1)] * 2
    if channels == 3:
        red, green, blue = np.moveaxis(image, 2, 0)
        opponents = [red - green, (red + green) / 2 - blue]
    deviation = np.hypot(*[values.std() for values in opponents])
    return {
        "brightness": luma.mean(),
        "contrast": luma.std(),
        "shadows": _quantile_of_levels(counts, 0.01),
        "highlights": _quantile_of_levels(counts, 0.99),
        "dark_fraction": counts[:2].sum(),
        "bright_fraction": counts[30:].sum(),
        "sharpness": np.mean(laplacians) / energy if energy > 1e-12 else np.nan,
        "colourfulness": deviation + 0.3 * np.hypot(*[values.mean() for values in opponents]),
        "colour_contrast": deviation,
        "flatness": counts.max(),
    }


def _luma32(image):
    red, green, blue = np.moveaxis(image, 2, 0)
    return red * np.float32(0.299) + green * np.float32(0.587) + blue * np.float32(0.114)


def _quantile_of_levels(counts, part):
    """The value that a part of the pixels is below, if those of a level are spread evenly over it."""
    borders = np.arange(33) / 32
    cumulative = np.concatenate([[0], counts.cumsum()])
    level = next(number for number in range(32) if cumulative[number + 1] >= part - 1e-9)
    inside = (part - cumulative[level]) / counts[level]
    return borders[level] + inside / 32


def discriminants(scores, labels):
    """Scikit-learn's linear discriminants (k + 1, C) of classes that are all as likely, shrunk as by k more images."""
    n, rank = scores.shape

    class ToDiagonal:
        def fit(self, own):
            covariance = np.cov(own, rowvar=False, bias=True)
            self.covariance_ = (n * covariance + rank * np.diag(np.diagonal(covariance))) / (n + rank)

    fitted = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=ToDiagonal()).fit(scores, labels)
    return np.column_stack([fitted.coef_, fitted.intercept_ - np.log(fitted.priors_)]).T
