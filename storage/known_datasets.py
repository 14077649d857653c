"""Datasets that are known by name: downloaded once into a cache, checked against pinned digests, then read offline."""

import os
import shutil
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.errors import InputError

CACHE_VARIABLE = "EIGENWAVE_CACHE"
ATTEMPTS = 8
TIMEOUT_SECONDS = 30
CHUNK = 2**18
CLASSES_FILE = "classes.txt"


@dataclass(frozen=True)
class KnownDataset:
    """What to download.

    Attributes
    ----------
    addresses
        Where the files are; one after the other is tried.
    files
        Digest of each file, as `algorithm:hexadecimal`.
    members
        Files to take out of the archive that the one file is; empty if the files are the dataset.
    classes
        Class names, if no file has them.
    """

    addresses: tuple[str, ...]
    files: Mapping[str, str]
    members: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


# Digests are those that the authors publish (CIFAR: on their page; Fashion-MNIST: in its README), and for MNIST those
# that its mirrors and the libraries that load it agree on.
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
            "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
        },
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
    "cifar10": KnownDataset(
        ("https://www.cs.toronto.edu/~kriz/",),
        {"cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"},
        members=(*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin", "batches.meta.txt"),
    ),
    "cifar100": KnownDataset(
        ("https://www.cs.toronto.edu/~kriz/",),
        {"cifar-100-binary.tar.gz": "md5:03b5dce01913d631647c71ecec9e9cb8"},
        members=("train.bin", "test.bin", "fine_label_names.txt"),
    ),
}


def known_folder(name: str) -> Path:
    """The folder with the files of a known dataset, downloaded first if they are not there.

    Raises
    ------
    InputError
        If they are not there and cannot be downloaded.
    """
    dataset = DATASETS[name]
    folder = cache_folder() / name
    ready = folder / ".ready"
    if not ready.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for file, digest in dataset.files.items():
            path = _retrieve(name, dataset, file, digest, folder)
            if dataset.members:
                take_out(path, dataset.members, folder)
                path.unlink()
        if dataset.classes:
            _write(folder / CLASSES_FILE, "\n".join(dataset.classes).encode())
        _write(ready, b"")
    return folder


def cache_folder() -> Path:
    """Where known datasets are kept: what EIGENWAVE_CACHE says, or the user's cache."""
    import pooch  # noqa: PLC0415 - slow to import

    return Path(os.environ.get(CACHE_VARIABLE) or pooch.os_cache("eigenwave"))


def _retrieve(name: str, dataset: KnownDataset, file: str, digest: str, folder: Path) -> Path:
    """One file, checked against its digest."""
    import pooch  # noqa: PLC0415

    pooch.get_logger().setLevel("WARNING")
    problem: Exception | None = None
    for address in dataset.addresses:
        try:
            return Path(pooch.retrieve(address + file, digest, file, folder, downloader=download))
        except (OSError, ValueError) as error:
            problem = error
    raise InputError(
        f"The dataset {name} is not in the cache {folder} and cannot be downloaded: {problem}; go online, or put its "
        f"files into a folder and name that."
    ) from None


def download(url: str, output_file: str, pooch: Any) -> None:  # noqa: ANN401, ARG001 - as pooch calls it
    """Download a file; what came before a connection broke is kept, even over processes, and not asked for again.

    Raises
    ------
    OSError
        If the server cannot be reached, refuses, or breaks off again and again.
    """
    partial = Path(output_file).parent / f"{url.rsplit('/', 1)[-1]}.partial"
    for attempt in range(ATTEMPTS):
        try:
            if _continue(url, partial):
                break
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 416 or not partial.exists():  # noqa: PLR2004 - the range that is asked for is not there
                raise
            partial.unlink()
        except OSError:
            if attempt == ATTEMPTS - 1:
                raise
        time.sleep(min(0.1 * 2**attempt, 5))
    else:
        raise OSError(f"{url} broke off {ATTEMPTS} times")
    # Pooch looks at its digest next: what was put together wrongly is thrown away there.
    partial.replace(output_file)


def _continue(url: str, partial: Path) -> bool:
    """Ask for what is missing; whether all of it came."""
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - one of the addresses above
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
        resumed = answer.status == 206  # noqa: PLR2004 - partial content
        expected = int(answer.headers.get("Content-Length") or 0) + (have if resumed else 0)
        with partial.open("ab" if resumed else "wb") as file:
            shutil.copyfileobj(answer, file, CHUNK)
    return partial.stat().st_size == expected


def take_out(archive: Path, members: tuple[str, ...], folder: Path) -> None:
    """Write the members with these names, whatever folder they are in, and nothing else."""
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
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)
