"""The readers that parse bytes, each as a function of one file's content, and a coverage-guided fuzzer of them.

`python -m tests.storage.formats.fuzz_readers READER [libFuzzer's options]` runs atheris until a reader gives anything
but samples, an image's bytes or one of the project's own errors. `all` gives each input to each reader.
"""

import contextlib
import gzip
import io
import json
import pickle
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.io import savemat

from tests import tfrecords
from tests.storage.pixels.damage import OPTIONS, encode, picture

if __name__ == "__main__":
    import atheris

    watched = atheris.instrument_imports(include=["storage"])
else:
    watched = contextlib.nullcontext()

with watched:
    from storage.datasets.access import DEFAULT
    from storage.datasets.findings import Tally
    from storage.errors import BadImageError, EigenwaveError
    from storage.formats.arrow import find_arrow
    from storage.formats.cifar import find_cifar
    from storage.formats.idx import find_idx
    from storage.formats.list import find_list
    from storage.formats.matlab import find_matlab
    from storage.formats.numpy import find_numpy
    from storage.formats.tar import find_tar
    from storage.formats.tfrecord import find_tfrecord
    from storage.formats.zip import find_zip
    from storage.pixels import containers, isolated, jpeg_warnings, png
    from storage.pixels.images import ImageForm, decode_file, open_image
    from storage.runs.manifest import Manifest, read_manifest
    from storage.runs.shards import Marker, Reject, find_shard
    from storage.setting_groups import Reading
    from storage.stores.checked_json import DIGEST, encoded

MOST_READ = 8  # samples whose bytes are read too
BLOCK = 512


class MemoryFiles:
    """Files by name; see `storage.datasets.files.Files`."""

    access, read_together = DEFAULT, 2**12

    def __init__(self, contents):
        self.contents, self.links, self.closed = contents, Tally(), Tally()

    def __str__(self):
        return "memory"

    def inside(self, folder):  # noqa: ARG002
        return self

    def walk(self, folder=""):  # noqa: ARG002
        return ((name, None) for name in self.contents)

    def read_many(self, paths):
        return (self.contents.get(path, BadImageError("unreadable", "no such file")) for path in paths)

    def folders(self, folder=""):  # noqa: ARG002
        return []

    def names(self, folder=""):  # noqa: ARG002
        return sorted(self.contents)

    def size(self, path):
        if path not in self.contents:
            raise FileNotFoundError(2, "no such file", path)
        return len(self.contents[path])

    def read(self, path, offset=0, length=None):
        return self.contents[path][offset : None if length is None else offset + max(0, length)]

    def stamp(self, path):  # noqa: ARG002
        return None

    def local(self, path):  # noqa: ARG002
        return None

    def open(self, path):
        return io.BytesIO(self.contents[path])


class MemoryPath:
    """A file of a workspace; see `storage.stores.store.StorePath`."""

    def __init__(self, content):
        self.content = content

    def read_bytes(self):
        return self.content

    def size(self):
        return len(self.content)


class MemoryWorkspace:
    """What `find_shard` needs of a workspace."""

    def __init__(self, marker):
        self.content = marker

    def marker(self, key):  # noqa: ARG002
        return MemoryPath(self.content)

    def chunk(self, key):  # noqa: ARG002
        return MemoryPath(b"")


def _accepts(find, contents):
    """Whether a dataset is not refused; the first samples of one that is accepted are read too."""
    files = MemoryFiles(contents)
    try:
        source = find(files, files.names())
        if source is None:
            return False
        samples = source.samples()
    except EigenwaveError:
        return False
    assert all(isinstance(name, str) for name in source.classes)
    with contextlib.suppress(EigenwaveError):
        for piece in source.columns.pieces(samples.slice(0, MOST_READ)) if source.columns else ():
            assert piece.schema == source.columns.schema
    assert set(samples["class_id"].to_pylist()) <= {None, *range(len(source.classes))}
    for payload in source.read(samples.slice(0, MOST_READ)):
        assert isinstance(payload, bytes | BadImageError)
    return True


def _as_either(find, images, labels, seeds):
    """The same content once in place of a good file of images, once in place of its labels."""
    good = dict(zip((images, labels), seeds, strict=True))

    def read(content):
        return sum(_accepts(find, good | {name: content}) for name in (images, labels)) > 0

    return read


def read_image(content):
    """Whether an image is used; each check of it by itself too, since others may have refused it before."""
    for check in (png.require_sound, containers.require_header, open_image, _checked_as_jpeg):
        with contextlib.suppress(BadImageError):
            check(content)
    try:
        return decode_file(content, ImageForm(8, 8, 3, "crop")).shape == (8, 8, 3)
    except BadImageError:
        return False


def _checked_as_jpeg(content):
    jpeg_warnings.require_sound(b"\xff\xd8" + content, Counter())


def read_list(content):
    return sum(_accepts(partial(find_list, reading=Reading()), {f"a{ending}": content}) for ending in LISTS) > 0


def read_message(content):
    """Whether the bytes are a message of the process that decodes."""
    try:
        isolated.receive(io.BytesIO(content))
    except EOFError:
        return False
    return True


def _message():
    file = io.BytesIO()
    isolated.send(file, {"form": None}, b"image")
    return file.getvalue()


def _zip_seed(method):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in ("cat/1.jpg", "dog/2.jpg", "dog/3.txt"):
            archive.writestr(zipfile.ZipInfo(name), b"image" * 9, method)
    return file.getvalue()


def _mat_seed(compressed):
    file = io.BytesIO()
    images = np.zeros((4, 4, 1, 2), np.uint8)
    savemat(file, {"X": images, "y": np.array([[1], [10]])}, do_compression=compressed)
    return file.getvalue()


def _summed(content):
    """A tar file with the right sum in each header: what else is wrong with them is not seen otherwise."""
    blocks = [content[start : start + BLOCK] for start in range(0, len(content), BLOCK)]
    return b"".join(
        block[:148] + b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 256) + block[156:]
        if block[257:262] == b"ustar" and len(block) == BLOCK
        else block
        for block in blocks
    )


def read_tar(content):
    return (
        sum(_accepts(partial(find_tar, reading=Reading()), {"a.tar": stored}) for stored in (content, _summed(content)))
        > 0
    )


def read_arrow(content):
    files = {"a.arrow": ARROW[0], "state.json": content} if content.startswith(b"{") else {"a.arrow": content}
    return _accepts(partial(find_arrow, reading=Reading()), files)


def _arrow_seed(new):
    sink, label = pa.BufferOutputStream(), pa.array([0, 1], pa.int8())
    table = pa.table({"image": pa.array([b"a", None]), "label": label, "note": ["x", None]})
    with new(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def read_tfrecord(content):
    """The same content as a file, and as the Example in a record with the right checksums."""
    find = partial(find_tfrecord, reading=Reading())
    return sum(_accepts(find, {"a.tfrecord": stored}) for stored in (content, tfrecords.record(content))) > 0


def read_pickle(content):
    good = dict(zip(("data_batch_1", "batches.meta"), PICKLES, strict=True))
    return sum(_accepts(find_cifar, good | {name: content}) for name in good) > 0


def read_binary(content):
    whole = (content * 3074)[: MOST_READ * 3074]  # its length always fits
    return any(
        [
            _accepts(find_cifar, {"data_batch_1.bin": content, "batches.meta.txt": b"ant\nbee"}),
            _accepts(find_cifar, {"data_batch_1.bin": bytes(3073), "batches.meta.txt": content}),
            _accepts(find_cifar, {"train.bin": whole, "fine_label_names.txt": b"ant\nbee"}),
        ]
    )


def _sealed(content):
    """An object with the digest that belongs to it, if it is one: readers look at its entries then."""
    with contextlib.suppress(ValueError, RecursionError):
        parsed = json.loads(content)
        if isinstance(parsed, dict):
            parsed.pop(DIGEST, None)
            return encoded(parsed)
    return content


def read_json(content):
    accepted = []
    for stored in (content, _sealed(content)):
        accepted.append(find_shard(MemoryWorkspace(stored), "0") is not None)
        with contextlib.suppress(EigenwaveError):
            accepted.append(read_manifest(MemoryPath(stored)) is not None)
    return any(accepted)


def _tar_seed(kind, name):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=kind) as tar:
        for member, content in (
            (f"{name}.jpg", b"image"),
            (f"{name}.cls", b"1"),
            (f"{name}2.jpg", b""),
            ("2.json", b"{}"),
        ):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    used = file.getvalue().rstrip(b"\0")
    return used + bytes(-len(used) % BLOCK + 2 * BLOCK)


def _idx_seed(array, kind=8):
    return bytes((0, 0, kind, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def _saved(save, *arrays, **named):
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def _manifest_seed():
    entries = dict.fromkeys(Manifest.model_fields, "a") | {name: {} for name in ("settings", "plan", "layout")}
    entries |= dict.fromkeys(("format_version", "energy", "residual_max", "rejected", "repeated", "passes"), 1)
    entries |= {"classes": ["a"], "learnability": {"p": None}, "shards": [], "files": {}, "seconds": {}, "versions": {}}
    return json.dumps(entries | {"conflicting": 0, "warm_start": None}).encode()


ODD = [b"\xff", 1.5, {1, 2}, np.arange(2)]
LABEL_KINDS = (["a", "b"], [b"a", b"b"], [0.5, 2], [True, False], [1j, 2])
PIXELS, LABELS = np.zeros((2, 4, 4), np.uint8), np.arange(2, dtype=np.uint8)
PICKLES = (
    pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [1]}, protocol=2),
    pickle.dumps({"label_names": ["ant", "bee"]}),
)
IDX = (_idx_seed(PIXELS), _idx_seed(LABELS))
NPY = (_saved(np.save, PIXELS), _saved(np.save, LABELS))
ARROW = (_arrow_seed(pa.ipc.new_stream), _arrow_seed(pa.ipc.new_file))
EXAMPLE = tfrecords.example(image_encoded=[b"a"], image_class_label=[1], score=[0.5], text=[b"x"])
MARKER = json.dumps(asdict(Marker("0", 1, 0, "0", (Reject(0, "empty", ""),)))).encode()
LISTS = (".csv", ".tsv", ".txt", ".jsonl")
READERS = {
    "tar": (
        read_tar,
        [_tar_seed(kind, name) for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
         for name in ("cat/1", "long/" * 30 + "\xe41")],
    ),
    "idx": (
        _as_either(find_idx, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", IDX),
        [*IDX, *map(gzip.compress, IDX), _idx_seed(PIXELS.astype(">f4"), 13), _idx_seed(np.ones(2, ">f8"), 14)],
    ),
    "cifar": (read_binary, [b"\0", b"\1\0", b"ant\nbee\n"]),
    "pickle": (read_pickle, [*PICKLES, *(pickle.dumps(ODD, protocol) for protocol in range(5))]),
    "npy": (
        _as_either(find_numpy, "images.npy", "labels.npy", NPY),
        [*NPY, *(_saved(np.save, np.array(labels)) for labels in LABEL_KINDS)],
    ),
    "npz": (
        lambda content: _accepts(find_numpy, {"a.npz": content}),
        [_saved(save, images=PIXELS, labels=LABELS) for save in (np.savez, np.savez_compressed)],
    ),
    "matlab": (
        lambda content: _accepts(find_matlab, {"a.mat": content}),
        [_mat_seed(compressed) for compressed in (False, True)],
    ),
    "arrow": (read_arrow, [*ARROW, b'{"_data_files": [{"filename": "a.arrow"}]}']),
    "tfrecord": (
        read_tfrecord,
        [tfrecords.record(EXAMPLE), EXAMPLE, tfrecords.example(image=[b"a"], label=[2], n=[0.5, 1.5], packed=False)],
    ),
    "image": (read_image, [encode(picture(1, 16), kind) for kind in OPTIONS]),
    "list": (
        read_list,
        [b"path,label\na.png,1\nb.png,2\n", "file_name\tclass\na.png\t\xe4\n".encode("utf-16"), b"a.png 0\nb.png 1\n",
         b'{"image": "a.png", "label": "x"}\n{"image": "b.png", "label": "y"}\n'],
    ),
    "zip": (
        lambda content: _accepts(partial(find_zip, reading=Reading()), {"a.zip": content}),
        [_zip_seed(method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)],
    ),
    "message": (read_message, [_message()]),
    "json": (read_json, [_manifest_seed(), MARKER, encoded(json.loads(MARKER)), b"[" * 10_000]),
}  # fmt: skip


def main():
    name = sys.argv.pop(1)
    chosen = list(READERS.values()) if name == "all" else [READERS[name]]
    seeds = [seed for _, some in chosen for seed in some]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, corpus], lambda content: [read(content) for read, _ in chosen] and None)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
