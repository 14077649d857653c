"""Write the same images in each format whose reading is measured."""

import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import zarr

CHUNK = 1000  # images in a row group, as Hugging Face writes them, and in a chunk of Zarr and HDF5


class Images(NamedTuple):
    """Images of one size: files (n), pixels (n, height, width, 3) and labels (n,)."""

    files: Sequence[bytes]
    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def write_folder(folder: Path, some: Images) -> None:
    """Write each image to its own file."""
    for row, (file, label) in enumerate(zip(some.files, some.labels, strict=True)):
        place = folder / f"class-{label}" / f"{row:07d}.jpg"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(file)


def write_webdataset(folder: Path, some: Images) -> None:
    """Write a tar file of images and labels."""
    with tarfile.open(folder / "train.tar", "w") as tar:
        for row, (file, label) in enumerate(zip(some.files, some.labels, strict=True)):
            for suffix, content in (("jpg", file), ("cls", str(label).encode())):
                member = tarfile.TarInfo(f"{row:07d}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def write_zip(folder: Path, some: Images) -> None:
    """Write a zip file of class folders, deflated as most programs do."""
    with zipfile.ZipFile(folder / "train.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for row, (file, label) in enumerate(zip(some.files, some.labels, strict=True)):
            archive.writestr(f"class-{label}/{row:07d}.jpg", file)


def write_parquet(folder: Path, some: Images) -> None:
    """Write a Parquet file of encoded images, as Hugging Face does."""
    table = pa.table({"image": [{"bytes": file, "path": None} for file in some.files], "label": some.labels})
    pq.write_table(table, folder / "train.parquet", row_group_size=CHUNK)


def write_arrow(folder: Path, some: Images) -> None:
    """Write an Arrow file of encoded images, as save_to_disk of Hugging Face's datasets does."""
    table = pa.table({"image": [{"bytes": file, "path": None} for file in some.files], "label": some.labels})
    with pa.ipc.new_stream(folder / "data-00000-of-00001.arrow", table.schema) as stream:
        stream.write_table(table, max_chunksize=CHUNK)
    (folder / "state.json").write_text(
        '{"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": "train"}'
    )


def write_cifar(folder: Path, some: Images) -> None:
    """Write a batch of CIFAR-10 for Python, whose images must have 32 x 32 pixels."""
    planes = np.moveaxis(some.pixels, 3, 1).reshape(len(some.pixels), -1)
    batch = {b"labels": some.labels.tolist(), b"data": planes}
    (folder / "data_batch_1").write_bytes(pickle.dumps(batch, protocol=4))


def write_idx(folder: Path, some: Images) -> None:
    """Write IDX files, which are bytes behind a header."""
    for kind, array in (("images-idx4", some.pixels), ("labels-idx1", some.labels)):
        header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"train-{kind}-ubyte").write_bytes(header + array.tobytes())


def write_numpy(folder: Path, some: Images) -> None:
    """Write two NumPy arrays."""
    np.save(folder / "images.npy", some.pixels)
    np.save(folder / "labels.npy", some.labels)


def write_zarr(folder: Path, some: Images) -> None:
    """Write a Zarr group with zarr's default codec."""
    group = zarr.create_group(folder)
    group.create_array("images", data=some.pixels, chunks=(min(CHUNK, len(some.pixels)), *some.pixels.shape[1:]))
    group.create_array("labels", data=some.labels)


def write_hdf5(folder: Path, some: Images) -> None:
    """Write an HDF5 file with uncompressed chunks."""
    with h5py.File(folder / "train.h5", "w") as file:
        chunks = (min(CHUNK, len(some.pixels)), *some.pixels.shape[1:])
        file.create_dataset("images", data=some.pixels, chunks=chunks)
        file["labels"] = some.labels


FORMATS: dict[str, Callable[[Path, Images], None]] = {
    "folder": write_folder,
    "webdataset": write_webdataset,
    "zip": write_zip,
    "parquet": write_parquet,
    "arrow": write_arrow,
    "cifar": write_cifar,
    "idx": write_idx,
    "numpy": write_numpy,
    "zarr": write_zarr,
    "hdf5": write_hdf5,
}
