"""Writers of the same images in every format that is read. Each makes a dataset in a folder and returns its address."""

import csv
import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from typing import NamedTuple

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from PIL import Image

from tests.tfrecords import example, record

SIDE = 32  # CIFAR's


class Image_(NamedTuple):  # noqa: N801 - Image is Pillow's
    """An image: its class folder and name, label, split, file and pixels."""

    name: str
    label: int
    split: str
    file: bytes
    pixels: np.ndarray


CLASSES = ("ant", "bee", "cow")


def make_images(count=36, classes=CLASSES, seed=0):
    """JPEG files whose mean depends on the class, in the order in which a folder lists them: train, then test."""
    random = np.random.default_rng(seed)
    images = []
    for split in ("train", "test"):
        for label, name in enumerate(classes):
            for number in range(count if split == "train" else count // 3):
                noise = random.normal(100 + 30 * label, 40, (4, 4, 3)).clip(0, 255).astype(np.uint8)
                file = io.BytesIO()
                Image.fromarray(noise).resize((SIDE, SIDE)).save(file, "JPEG", quality=90)
                pixels = np.asarray(Image.open(file))
                images.append(Image_(f"{split}/{name}/{number:05d}.jpg", label, split, file.getvalue(), pixels))
    return images


def _splits(images):
    for split in dict.fromkeys(image.split for image in images):
        some = [image for image in images if image.split == split]
        pixels = np.stack([image.pixels for image in some])
        yield split, some, pixels, np.array([image.label for image in some])


def _write_files(folder, images):
    for image in images:
        path = folder / image.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.file)


def write_folder(folder, images):
    _write_files(folder, images)
    return folder


def write_csv(folder, images):
    _write_files(folder, images)
    with (folder / "list.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "split"])
        rows.writerows((image.name, CLASSES[image.label], image.split) for image in images)
    return folder / "list.csv"


def write_arrow(folder, images):
    """As save_to_disk writes a DatasetDict."""
    for split, some, _, labels in _splits(images):
        path = folder / split
        path.mkdir(parents=True)
        files = [{"bytes": image.file, "path": None} for image in some]
        features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": list(CLASSES)}}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        table = pa.table({"image": pa.array(files), "label": labels}).replace_schema_metadata(metadata)
        with pa.ipc.new_stream(path / "data-00000-of-00001.arrow", table.schema) as stream:
            stream.write_table(table, max_chunksize=10)
        state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": split}
        (path / "state.json").write_text(json.dumps(state))
        (path / "dataset_info.json").write_text("{}")
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    return folder


def write_tfrecord(folder, images):
    folder.mkdir()
    for split, some, *_ in _splits(images):
        examples = [
            example(image_encoded=[image.file], image_class_synset=[CLASSES[image.label].encode()]) for image in some
        ]
        (folder / f"set-{split}.tfrecord-00000-of-00001").write_bytes(b"".join(map(record, examples)))
    return folder


def write_parquet_list(folder, images):
    _write_files(folder, images)
    columns = {"image_path": [image.name for image in images], "label": [CLASSES[image.label] for image in images]}
    pq.write_table(pa.table(columns | {"split": [image.split for image in images]}), folder / "list.parquet")
    return folder / "list.parquet"


def write_hugging_face(folder, images, row_group_size=10):
    (folder / "data").mkdir(parents=True)
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": list(CLASSES)}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    for split, some, _, labels in _splits(images):
        pictures = [{"bytes": image.file, "path": image.name} for image in some]
        table = pa.table({"image": pictures, "label": labels}).replace_schema_metadata(metadata)
        path = folder / "data" / f"{split}-00000-of-00001.parquet"
        pq.write_table(table, path, row_group_size=row_group_size, data_page_size=2048)
    return folder


def add(tar, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def write_tar(folder, images, shards=2, mode="w", tar_format=tarfile.PAX_FORMAT):
    folder.mkdir(parents=True, exist_ok=True)
    for split, some, _, _ in _splits(images):
        for shard, part in enumerate(np.array_split(np.arange(len(some)), shards)):
            with tarfile.open(folder / f"things-{split}-{shard:06d}.tar", mode, format=tar_format) as tar:
                for row in part:
                    add(tar, f"{row:06d}.jpg", some[row].file)
                    add(tar, f"{row:06d}.cls", str(some[row].label).encode())
    return folder


def write_tar_of_folders(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for split, some, _, _ in _splits(images):
        with tarfile.open(folder / f"{split}.tar", "w", format=tarfile.GNU_FORMAT) as tar:
            for image in some:
                add(tar, "very-long-name-of-a-folder/" * 5 + image.name, image.file)
    return folder


def write_zip(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for split, some, _, _ in _splits(images):
        with zipfile.ZipFile(folder / f"{split}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for image in some:
                archive.writestr(image.name, image.file)
    return folder


def _planes(pixels):
    return np.moveaxis(pixels, 3, 1).reshape(len(pixels), -1)


def write_cifar10(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for split, _, pixels, labels in _splits(images):
        records = np.concatenate([labels[:, None].astype(np.uint8), _planes(pixels)], axis=1)
        parts = np.array_split(records, 2) if split == "train" else [records]
        for number, part in enumerate(parts, 1):
            name = f"data_batch_{number}.bin" if split == "train" else "test_batch.bin"
            (folder / name).write_bytes(part.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n\n")
    return folder


def write_cifar100(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for split, _, pixels, labels in _splits(images):
        two = np.stack([np.zeros_like(labels), labels], axis=1).astype(np.uint8)
        (folder / f"{split}.bin").write_bytes(np.concatenate([two, _planes(pixels)], axis=1).tobytes())
    (folder / "fine_label_names.txt").write_text("\n".join(CLASSES))
    return folder


def write_cifar10_pickles(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for split, _, pixels, labels in _splits(images):
        name = "data_batch_1" if split == "train" else "test_batch"
        (folder / name).write_bytes(pickle.dumps({b"labels": labels.tolist(), b"data": _planes(pixels)}, protocol=4))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(CLASSES)}, protocol=2))
    return folder


def write_cifar100_pickles(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for split, _, pixels, labels in _splits(images):
        (folder / split).write_bytes(pickle.dumps({"fine_labels": labels.tolist(), "data": _planes(pixels)}))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": list(CLASSES)}))
    return folder


def idx(array):
    """An array as IDX."""
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_idx(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for split, _, pixels, labels in _splits(images):
        prefix = {"train": "train", "test": "t10k"}[split]
        (folder / f"{prefix}-images-idx4-ubyte.gz").write_bytes(gzip.compress(idx(pixels), 1))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(labels))
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    return folder


def write_npy(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for split, _, pixels, labels in _splits(images):
        np.save(folder / f"{split}_images.npy", pixels)
        np.save(folder / f"{split}_labels.npy", np.array(CLASSES)[labels])
    return folder


def write_npz(folder, images, save=np.savez_compressed):
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for split, _, pixels, labels in _splits(images):
        arrays |= {f"x_{split}": np.moveaxis(pixels, 3, 1), f"y_{split}": labels[:, None]}
    save(folder / "things.npz", **arrays)
    return folder / "things.npz"


def write_stored_npz(folder, images):
    return write_npz(folder, images, np.savez)


def write_zarr(folder, images, chunk=16):
    group = zarr.create_group(folder)
    for split, _, pixels, labels in _splits(images):
        group.create_array(f"{split}/images", data=pixels, chunks=(min(chunk, len(pixels)), *pixels.shape[1:]))
        group.create_array(f"{split}/labels", data=labels)
    group.attrs["classes"] = list(CLASSES)
    return folder


def write_hdf5(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / "things.h5", "w") as file:
        for split, _, pixels, labels in _splits(images):
            file.create_dataset(
                f"{split}/images", data=pixels, chunks=(min(16, len(pixels)), *pixels.shape[1:]), compression="gzip"
            )
            file[f"{split}/labels"] = [CLASSES[label] for label in labels]
    return folder / "things.h5"


ENCODED = {
    "folder": write_folder,
    "csv": write_csv,
    "parquet-list": write_parquet_list,
    "hugging-face": write_hugging_face,
    "arrow": write_arrow,
    "tfrecord": write_tfrecord,
    "webdataset": write_tar,
    "tar-of-folders": write_tar_of_folders,
    "zip": write_zip,
}
ARRAYS = {
    "cifar10": write_cifar10,
    "cifar100": write_cifar100,
    "cifar10-pickles": write_cifar10_pickles,
    "cifar100-pickles": write_cifar100_pickles,
    "idx": write_idx,
    "npy": write_npy,
    "npz": write_npz,
    "npz-stored": write_stored_npz,
    "zarr": write_zarr,
    "hdf5": write_hdf5,
}
FORMATS = ENCODED | ARRAYS
