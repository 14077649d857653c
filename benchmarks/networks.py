"""What a small convolutional network keeps of a run's patterns: `python -m benchmarks.networks FOLDER [EPOCHS]`.

FOLDER is CIFAR-10 as JPEG in class folders in `train/` and `test/`. Three networks of the same layers are compared: one
trained on the labels, one trained until it knows random labels of a part of the images by heart, and, as the control of
both, one that is not trained. It needs PyTorch, which no lock has because of its size: `pip install torch`.
"""

import sys
import tempfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

import eigenwave
from storage.runs.run import Run
from tasks.dtypes import Float32, Int64

EPOCHS = 5
MEMORISED = 10_000  # images with random labels
MEMORISED_EPOCHS = 5  # times as many as of all images
CHANNELS = (3, 32, 64, 128)
BATCH = 128
HEAD = (
    *("network", "layer", "R² from patterns", "shuffled", "untrained", "alignment"),
    *("R² of patterns, median", "most", "agreement", "accuracy"),
)
LAYERS = ("first convolution", "second convolution", "third convolution", "logits")


def network(torch: Any, classes: int, seed: int) -> Any:  # noqa: ANN401 - torch is not installed where types are checked
    """Three convolutions of 3 x 3 with normalisation and pooling, and a linear layer: some 95,000 parameters."""
    torch.manual_seed(seed)
    nn = torch.nn
    blocks = [
        nn.Sequential(
            nn.Conv2d(one, other, 3, padding=1, bias=False), nn.BatchNorm2d(other), nn.ReLU(), nn.MaxPool2d(2)
        )
        for one, other in pairwise(CHANNELS)
    ]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * CHANNELS[-1], classes))


def train(torch: Any, net: Any, pixels: npt.NDArray[np.uint8], labels: Int64, epochs: int) -> float:  # noqa: ANN401
    """Train on images (n, 3, height, width), and return the part of them that is classified right at the end."""
    images, targets = torch.from_numpy(pixels), torch.from_numpy(labels)
    steps = epochs * -(-len(labels) // BATCH)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
    right = 0
    for _ in range(epochs):
        net.train()
        right = 0
        for chosen in torch.randperm(len(targets)).split(BATCH):
            logits = net(scaled(images[chosen]))
            loss = torch.nn.functional.cross_entropy(logits, targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            right += int((logits.argmax(1) == targets[chosen]).sum())
    return right / len(labels)


def scaled(images: Any) -> Any:  # noqa: ANN401
    """Bring bytes to the range from -1 to 1."""
    return images.float() / 127.5 - 1


def features(torch: Any, net: Any, pixels: npt.NDArray[np.uint8]) -> dict[str, Float32]:  # noqa: ANN401
    """Return what each layer makes of the images, (n, d) by name; of convolutions the means of quarters."""
    net.eval()
    found: dict[str, list[Float32]] = {name: [] for name in LAYERS}
    with torch.no_grad():
        for batch in torch.from_numpy(pixels).split(1000):
            values = scaled(batch)
            for name, block in zip(LAYERS[:-1], net, strict=False):
                values = block(values)
                found[name].append(torch.nn.functional.adaptive_avg_pool2d(values, 2).flatten(1).numpy())
            found[LAYERS[-1]].append(net[len(CHANNELS) - 1 :](values).numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def pixels_of(run: Run) -> npt.NDArray[np.uint8]:
    """Pixels (n, 3, height, width) of all images of a run, in its order."""
    folder = Path(run.manifest.source)
    keys = run.tables["samples"]["key"].to_pylist()
    return np.stack([np.asarray(Image.open(folder / key).convert("RGB")).transpose(2, 0, 1) for key in keys])


def rows(name: str, found: Mapping[str, Any]) -> list[str]:
    """Describe the layers of a network, a row each."""
    layers, patterns = found["explained_layers"].to_pandas(), found["explained_patterns"].to_pandas()
    kept = patterns.groupby("layer").r_squared.agg(["median", "max"])
    lines = []
    for layer in layers.itertuples():
        numbers = (layer.r_squared, layer.shuffled_r_squared, layer.control_r_squared, layer.alignment)
        cells = " | ".join(f"{number:.3f}" for number in (*numbers, *kept.loc[layer.layer]))
        classes = " | ".join("-" if np.isnan(part) else f"{part:.3f}" for part in (layer.agreement, layer.accuracy))
        lines.append(f"| {name} | {layer.layer} | {cells} | {classes} |")
    return lines


def main(folder: Path, epochs: int = EPOCHS) -> None:
    """Train the networks, explain them, and print a table."""
    import torch  # noqa: PLC0415 - see above

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as workspace:
        run = eigenwave.run(folder, workspace=workspace, cluster="inline")
        samples, pixels = run.tables["samples"], pixels_of(run)
        labels = np.asarray(samples["class_id"], np.int64)
        learned = np.asarray(samples["split"]) == run.manifest.fitted_split
        classes = int(labels.max()) + 1
        trained, untrained, memorised = (network(torch, classes, seed) for seed in range(3))
        right = train(torch, trained, pixels[learned], labels[learned], epochs)
        print(f"Trained: {right:.3f} of the images that it learned from are right in the last epoch.", flush=True)
        part = np.flatnonzero(learned)[:: max(1, int(learned.sum()) // MEMORISED)]
        random = np.random.default_rng(0).integers(0, classes, len(part))
        right = train(torch, memorised, pixels[part], random, MEMORISED_EPOCHS * epochs)
        print(f"Memorised: {right:.3f} of {len(part):,} random labels are right in the last epoch.\n", flush=True)
        control = features(torch, untrained, pixels)
        print(f"| {' | '.join(HEAD)} |")
        print("|---" * len(HEAD) + "|")
        for name, net in (("trained", trained), ("memorised", memorised)):
            found = eigenwave.explain(run, features=features(torch, net, pixels), control=control)
            print("\n".join(rows(name, found.tables)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else EPOCHS)  # noqa: PLR2004
