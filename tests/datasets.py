"""Made datasets: class folders of small images."""

import io

import numpy as np
from PIL import Image


def write_images(folder, shape=(8, 8, 3), classes=("cat", "dog"), count=12, suffix=".png", seed=0):
    """Class folders of random images whose mean brightness depends on the class."""
    random = np.random.default_rng(seed)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for row in range(count):
            pixels = random.integers(0, 200, shape, dtype=np.uint8) + np.uint8(40 * number)
            Image.fromarray(pixels.squeeze()).save(folder / name / f"{row:03d}{suffix}")
    return folder


def smooth_images(folder, shape=(16, 16), count=60, seed=0, start=0, classes=("a", "b", "c")):
    """Class folders of low-dimensional images: a dozen random waves each, the first stronger in later classes."""
    random = np.random.default_rng(seed)
    waves = np.random.default_rng(99).standard_normal((12, *shape))
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for row in range(start, start + count):
            strength = random.standard_normal(12) * 0.8 ** np.arange(12) + (np.arange(12) == 0) * number
            image = 128 + 12 * np.tensordot(strength, waves, 1) + random.standard_normal(shape)
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / name / f"{row:04d}.png")
    return folder


def fading_images(folder, count=24):
    """Two class folders of images that differ only in how strong one picture is, each image in another way."""
    picture = np.random.default_rng(0).integers(0, 2, (8, 8), dtype=np.uint8)
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.uint8(20) + np.uint8(5 * number) * picture).save(path)
    return folder


def png(number):
    """The bytes of a PNG file of 4 x 4 gray pixels of one value."""
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4), number, np.uint8)).save(file, "PNG")
    return file.getvalue()


def rows_of(source):
    """Key, class name and split of every sample of a source."""
    samples = source.samples()
    names = [source.classes[number] for number in samples["class_id"].to_pylist()]
    return list(zip(samples["key"].to_pylist(), names, samples["split"].to_pylist(), strict=True))


def photographs(count, side=32, seed=0):
    """Images (count, side, side, 3) in [0, 1] with the spectrum of photographs: amplitudes fall with the frequency."""
    random = np.random.default_rng(seed)
    down, right = np.meshgrid(*[np.fft.fftfreq(side)] * 2, indexing="ij")
    amplitudes = 1 / np.maximum(np.hypot(down, right), 1 / side)
    noise = np.fft.fft2(random.standard_normal((count, 4, side, side)))
    waves = np.fft.ifft2(noise * amplitudes).real
    waves /= waves.std(axis=(2, 3), keepdims=True)
    gray = waves[:, :1] * random.lognormal(-1.8, 0.25, (count, 1, 1, 1)) + random.normal(0.48, 0.08, (count, 1, 1, 1))
    return np.moveaxis(gray + 0.05 * waves[:, 1:], 1, 3).clip(0, 1)


def write_photographs(folder, images, classes=("cat", "dog", "ship")):
    """Class folders of images (n, height, width, 3) in [0, 1], in turn, named by their numbers."""
    for number, image in enumerate(images):
        path = folder / classes[number % len(classes)] / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * image).round().astype(np.uint8)).save(path)
    return folder
