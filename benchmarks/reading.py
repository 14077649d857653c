"""Compare reading and decoding in each format with its limit: the bare reading and decoding of the bytes. `make bench`.

The limit reads each file if a file is an image, and otherwise whole files in pieces as large as eigenwave's. It decodes
while it reads, each image with simplejpeg alone. Plain pixels are used as they are. Times are CPU times of this process
on one thread. The contenders of a format take turns, and ratios are medians of the ratios within a round. The S3 server
is moto's in another process: its time does not count, and the client's time counts for both.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import boto3
import numpy as np
import obstore
import simplejpeg

from benchmarks.data import images
from benchmarks.formats import FORMATS, Images
from benchmarks.transform import rounds
from storage.datasets.files import LocalFiles
from storage.datasets.remote_files import AT_ONCE, RemoteFiles
from storage.datasets.source import intact
from storage.formats.open import open_source
from storage.pixels.images import ImageForm
from storage.pixels.jpeg import place_for
from storage.pixels.payloads import decoder

ROUNDS = 7
MANY = 100  # objects; from this number on they are read at the same time
SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://{}:{}".format(*server.get_host_and_port()), flush=True)
sys.stdin.read()
"""

Pieces = Callable[[], Iterator[bytes]]


def measure(address: str, some: Images, pieces: Pieces, repeats: int) -> tuple[float, float]:
    """Measure images per second, and the ratio to the limit, for a dataset whose files `pieces` reads."""
    source = open_source(address)
    samples = source.samples()
    form = ImageForm(*some.pixels.shape[1:])
    place = place_for(form)

    def ours() -> None:
        decode = decoder(source.layout, form)
        for payload in source.read(samples):
            decode(intact(payload))

    def bare(image: bytes) -> None:
        if source.layout is None:
            simplejpeg.decode_jpeg(image, "RGB", buffer=place)
        else:
            np.frombuffer(image, np.uint8).reshape(some.pixels.shape[1:])

    stored = some.files if source.layout is None else [image.tobytes() for image in some.pixels]
    sizes = [len(piece) for piece in pieces()]
    total, single = sum(sizes), len(sizes) == len(stored)

    def limit() -> None:
        read = done = 0
        for piece in pieces():
            read += len(piece)
            for image in (piece,) if single else stored[done : len(stored) * read // total]:
                bare(image)
            done = len(stored) * read // total

    every = rounds({"eigenwave": ours, "limit": limit}, repeats)
    seconds = median(times["eigenwave"] for times in every)
    return len(samples) / seconds, median(times["eigenwave"] / times["limit"] for times in every)


def local_pieces(paths: Sequence[str]) -> Iterator[bytes]:
    """Read all files."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            left = os.fstat(descriptor).st_size
            while left > 0:
                piece = os.read(descriptor, min(left, LocalFiles.read_together))
                left -= len(piece)
                yield piece
        finally:
            os.close(descriptor)


def remote_pieces(store: obstore.store.ObjectStore) -> Iterator[bytes]:
    """Read all objects below an address, with as many simultaneous requests as eigenwave makes for small objects."""
    objects = sorted((entry["path"], entry["size"]) for entries in obstore.list(store) for entry in entries)
    ranges = [
        (path, start, min(start + RemoteFiles.read_together, size))
        for path, size in objects
        for start in range(0, size, RemoteFiles.read_together)
    ]
    with ThreadPoolExecutor(AT_ONCE if len(ranges) > MANY else 1) as pool:
        yield from pool.map(
            lambda part: obstore.get_range(store, part[0], start=part[1], end=part[2]).to_bytes(), ranges
        )


@contextmanager
def s3() -> Iterator[str]:
    """Provide a bucket of a server in another process; the environment has its address and credentials."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    before = dict(os.environ)
    try:
        url = process.stdout.readline().strip() if process.stdout else ""
        os.environ |= {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}
        os.environ |= {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
        bucket = (
            f"bench-{os.urandom(8).hex()}"  # a new name for each server, since the clients of an address are cached
        )
        client = boto3.client("s3")
        client.create_bucket(Bucket=bucket)
        client.close()
        yield f"s3://{bucket}"
    finally:
        os.environ.clear()
        os.environ.update(before)
        process.communicate()


def reading(folder: Path, count: int, remote_count: int, repeats: int = ROUNDS) -> dict[str, tuple[float, float]]:
    """Print the table; return the ratios to the limit, for local files and for the S3 server."""
    dataset, kind = images(folder, count)
    files = [path.read_bytes() for path in sorted(dataset.rglob("*.jpg"))]
    pixels = np.stack([simplejpeg.decode_jpeg(file) for file in files])
    every = Images(files, pixels, np.arange(count, dtype=np.uint8) % 10)
    print(f"\n### Reading and decoding: {kind}, {count:,} images; {remote_count:,} from an S3 server\n")
    print("| format | local, images a second | times the limit | S3, images a second | times the limit |")
    print("|---|---|---|---|---|")
    ratios = {}
    with s3() as bucket:
        for name, write in FORMATS.items():
            here, small = folder / name, folder / f"{name}-small"
            here.mkdir()
            small.mkdir()
            write(here, every)
            paths = [str(path) for path in sorted(here.rglob("*")) if path.is_file()]
            speed, ratio = measure(str(here), every, partial(local_pieces, paths), repeats)
            some = Images(files[:remote_count], pixels[:remote_count], every.labels[:remote_count])
            write(small, some)
            store = obstore.store.from_url(f"{bucket}/{name}")
            for path in (path for path in small.rglob("*") if path.is_file()):
                obstore.put(store, path.relative_to(small).as_posix(), path)
            far, remote_ratio = measure(f"{bucket}/{name}", some, partial(remote_pieces, store), repeats)
            ratios[name] = ratio, remote_ratio
            print(f"| {name} | {speed:,.0f} | {ratio:.2f} | {far:,.0f} | {remote_ratio:.2f} |", flush=True)
    return ratios


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="eigenwave-bench-") as name:
        reading(Path(name), 10_000, 2_000)


if __name__ == "__main__":
    main()
