"""Compare reading images with the library that people read a format with. `make bench`.

Both list the dataset and read the stored bytes of every image, without decoding, on one thread from the page cache.
Times are CPU times; the contenders take turns, and ratios are medians of the ratios within a round.
"""

import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import simplejpeg

from benchmarks.data import images
from benchmarks.formats import Images, write_zip
from benchmarks.transform import rounds
from storage.datasets.source import intact
from storage.formats.open import open_source

ROUNDS = 7


def read_zipfile(folder: Path) -> int:
    """Bytes of all images, read by Python's zipfile."""
    with zipfile.ZipFile(folder / "train.zip") as archive:
        return sum(len(archive.read(member)) for member in archive.infolist())


# For each library: how to write its format, and how to read all images with it.
LIBRARIES: dict[str, tuple[Callable[[Path, Images], None], Callable[[Path], int]]] = {
    "zip, zipfile": (write_zip, read_zipfile),
}


def beside_libraries(folder: Path, count: int, repeats: int = ROUNDS) -> dict[str, float]:
    """Print the table; return the ratios of eigenwave's time to that of each library."""
    dataset, kind = images(folder, count)
    files = [path.read_bytes() for path in sorted(dataset.rglob("*.jpg"))]
    some = Images(
        files, np.stack([simplejpeg.decode_jpeg(file) for file in files]), np.arange(count, dtype=np.uint8) % 10
    )
    print(f"\n### Reading beside the format's library: {kind}, {count:,} images\n")
    print("| format, library | images a second | library, images a second | times the library |")
    print("|---|---|---|---|")
    ratios = {}
    for number, (name, (write, library)) in enumerate(LIBRARIES.items()):
        place = folder / f"library-{number}"
        place.mkdir()
        write(place, some)

        def ours(address: str = str(place)) -> None:
            source = open_source(address)
            _require(sum(len(intact(payload)) for payload in source.read(source.samples())), files)

        def theirs(place: Path = place, library: Callable[[Path], int] = library) -> None:
            _require(library(place), files)

        every = rounds({"eigenwave": ours, "library": theirs}, repeats)
        seconds = {each: median(times[each] for times in every) for each in ("eigenwave", "library")}
        ratios[name] = median(times["eigenwave"] / times["library"] for times in every)
        speeds = " | ".join(f"{count / seconds[each]:,.0f}" for each in seconds)
        print(f"| {name} | {speeds} | {ratios[name]:.2f} |", flush=True)
    return ratios


def _require(read: int, files: Sequence[bytes]) -> None:
    if read != sum(map(len, files)):
        raise ValueError(f"{read} bytes were read of {sum(map(len, files))}")


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name:
        beside_libraries(Path(name), 10_000)


if __name__ == "__main__":
    main()
