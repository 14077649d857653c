"""Reading and decoding in each format beside its limit: the same bytes read and decoded by nothing else; `make bench`.

The limit reads files one by one where the format has a file an image, and otherwise the whole files in one piece; it
then decodes each image with simplejpeg alone. Times are those of CPU, of this process on one thread; the contenders of
a format take turns, ratios are medians of the ratios within a round.
"""

import io
import os
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg

from benchmarks.data import images
from benchmarks.transform import rounds
from storage.images import ImageForm
from storage.open_source import open_source
from storage.payloads import decode
from storage.source import intact

ROUNDS = 7
ROW_GROUP = 1000  # images, as Hugging Face writes them
FORMATS = ("folder", "webdataset", "parquet")


def write(name: str, dataset: Path, target: Path, keys: Sequence[str]) -> Path:
    """The images of a folder in another format."""
    if name == "folder":
        return dataset
    target.mkdir()
    files = [(dataset / key).read_bytes() for key in keys]
    labels = [key.rsplit("/", 1)[0] for key in keys]
    if name == "parquet":
        table = pa.table({"image": [{"bytes": file, "path": None} for file in files], "label": labels})
        pq.write_table(table, target / "train.parquet", row_group_size=ROW_GROUP)
        return target
    with tarfile.open(target / "train.tar", "w") as tar:
        for row, (file, label) in enumerate(zip(files, labels, strict=True)):
            for suffix, content in (("jpg", file), ("cls", label.encode())):
                member = tarfile.TarInfo(f"{row:07d}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return target


def measure(name: str, dataset: Path, payloads: Sequence[bytes], repeats: int) -> tuple[float, float]:
    """Images a second, and times the limit."""
    source = open_source(str(dataset))
    samples = source.samples()
    height, width, *_ = simplejpeg.decode_jpeg_header(payloads[0])
    form = ImageForm(height, width, 3)
    names = samples["key"].to_pylist() if name == "folder" else [path.name for path in dataset.iterdir()]

    def ours() -> None:
        for payload in source.read(samples):
            decode(intact(payload), source.layout, form)

    def limit() -> None:
        for path in names:
            _read(f"{dataset}/{path}")
        for payload in payloads:
            simplejpeg.decode_jpeg(payload, "RGB")

    every = rounds({"eigenwave": ours, "limit": limit}, repeats)
    seconds = median(times["eigenwave"] for times in every)
    return len(samples) / seconds, median(times["eigenwave"] / times["limit"] for times in every)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def reading(folder: Path, count: int, repeats: int = ROUNDS) -> dict[str, float]:
    """The table, and from it the times of the limit."""
    dataset, kind = images(folder, count)
    keys = open_source(str(dataset)).samples()["key"].to_pylist()
    payloads = [(dataset / key).read_bytes() for key in keys]
    print(f"\n### Reading and decoding: {kind}, {count:,} images\n")
    print("| format | images a second | times the limit |\n|---|---|---|")
    ratios = {}
    for name in FORMATS:
        place = write(name, dataset, folder / name, keys)
        speed, ratios[name] = measure(name, place, payloads, repeats)
        print(f"| {name} | {speed:,.0f} | {ratios[name]:.2f} |", flush=True)
    return ratios


def main() -> None:
    """The table."""
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name:
        reading(Path(name), 10_000)


if __name__ == "__main__":
    main()
