"""TFRecord files of Examples with encoded images, as TensorFlow's tools and TensorFlow Datasets write them."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.columns import given, shown
from storage.datasets.files import Files
from storage.datasets.kept_columns import KeptColumns
from storage.datasets.labels import class_ids
from storage.datasets.ranges import read_ranges
from storage.datasets.source import LISTED_AT_ONCE, ListedSource, Source, to_samples, train_first
from storage.datasets.splits import split_of
from storage.errors import BadImageError, InputError
from storage.formats.json_columns import JsonRows
from storage.formats.tar_labels import in_an_array, in_one_array
from storage.formats.tf_example import HEAD, Span, Value, begins, features, records
from storage.setting_groups import Reading

NAMES = re.compile(r"\.tfrecords?(-\d{5}-of-\d{5})?$|-\d{5}-of-\d{5}$")
IMAGES = ("image/encoded", "image", "image_raw", "encoded", "jpeg")
# Texts of ImageNet's classes are not unique, so they come last.
LABELS = ("image/class/synset", "image/class/label", "label", "labels", "class", "target", "image/class/text")
MOST_BESIDE = 2**20  # bytes of a record without its image
MOST_TEXT = 2**16  # bytes of a value that is kept
NO_IMAGE = "the record holds no image"


def knows(name: str) -> bool:
    """Whether a file belongs to the format, by its name."""
    return bool(NAMES.search(posixpath.basename(name)))


def find_tfrecord(files: Files, names: Sequence[str], reading: Reading) -> Source | None:
    """The dataset, if TFRecord files are among some names in a folder."""
    found = [name for name in filter(knows, names) if "tfrecord" in name or begins(files.read(name, 0, HEAD.size))]
    return TFRecordSource(files, found, reading.label_column) if found else None


class TFRecordSource(ListedSource):
    """Images in records; keys are FILE/RECORD.

    Parameters
    ----------
    files, paths
        The files.
    label_name
        Name of the feature with the label, if the user gave it.
    """

    layout = None

    def __init__(self, files: Files, paths: Sequence[str], label_name: str | None) -> None:
        self._files, self._paths, self._label_name = files, sorted(paths), label_name
        self._rows, self._label_names = JsonRows(), set[str]()

    @cached_property
    def _in_order(self) -> tuple[tuple[str, ...], pa.Table]:
        labels: list[pa.Array] = []
        found = to_samples(self._batches(labels))
        classes, ids = class_ids(in_one_array(labels), None, lambda row: f"{self._files}/{found['key'][row]}")
        return classes, found.set_column(found.column_names.index("class_id"), "class_id", ids)

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """The different labels; and all images, train first, in the order of the files and their records."""
        classes, samples = self._in_order
        return classes, train_first(samples)

    @cached_property
    def columns(self) -> KeptColumns | None:
        """All features except images and labels."""
        return self._rows.columns(self._in_order[1]["key"], self.findings, self._label_names)

    def _batches(self, labels: list[pa.Array]) -> Iterator[dict[str, Any]]:
        for path in self._paths:
            stamp, found = self._files.stamp(path), self._records(path)
            start = 0
            while batch := list(islice(found, LISTED_AT_ONCE)):
                labels.append(in_an_array([label for _, label in batch]))
                yield {
                    "key": [f"{path}/{number:07d}" for number in range(start, start + len(batch))],
                    "class_id": pa.nulls(len(batch), pa.int32()),
                    "split": split_of(path),
                    "offset": [place and place.start for place, _ in batch],
                    "length": [place and place.stop - place.start for place, _ in batch],
                    "stamp": [stamp] * len(batch),
                }
                start += len(batch)

    def _records(self, path: str) -> Iterator[tuple[Span | None, int | str | None]]:
        """Place of the image in the file, and label, of each record; its other features are kept."""
        where, most = f"{self._files}/{path}", int(self._files.access.max_image_bytes) + MOST_BESIDE
        with self._files.open(path) as file:
            for number, (offset, data) in enumerate(records(file, where, most)):
                try:
                    found = features(data)
                except (ValueError, UnicodeDecodeError):
                    raise InputError(f"Record {number} of {where} is no Example of TensorFlow.") from None
                image, label = self._image(found, number, where), self._label(found, number, where)
                rest = {name: _plain(data, value) for name, value in found.items() if name != image}
                self._rows.add(rest)
                place = next((each for each in found[image] if isinstance(each, Span)), None)
                value = rest.get(label) if label is not None else None
                if value is not None and not isinstance(value, int | str):
                    raise InputError(
                        f"Record {number} of {where} has the label {str(value)[:40]}, not one number or text."
                    )
                yield place and Span(offset + place.start, offset + place.stop), value

    def _image(self, found: dict[str, Value], number: int, where: str) -> str:
        name = next((name for name in IMAGES if name in found), None)
        if name is None:
            raise InputError(f"Record {number} of {where} has no image: its features are {shown(found)}.")
        return name

    def _label(self, found: dict[str, Value], number: int, where: str) -> str | None:
        if self._label_name is None:
            name = next((name for name in LABELS if name in found), None)
        else:
            name = given(found, self._label_name, f"Record {number} of {where}")
        self._label_names |= {name} if name is not None else set()
        return name

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """The bytes of each image, neighbors in one read."""
        return read_ranges(self._files, samples, _files_of, NO_IMAGE)


def _files_of(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(keys, r"(?s)/[^/]*$", "")


def _plain(data: bytes, value: Value) -> Any:  # noqa: ANN401 - any JSON
    """A feature as JSON: its only value, or a list. Bytes that are no text, or long, are left out."""
    values = [_text(data, each) if isinstance(each, Span) else each for each in value]
    return values[0] if len(values) == 1 else values or None


def _text(data: bytes, place: Span) -> str | None:
    if place.stop - place.start > MOST_TEXT:
        return None
    try:
        return data[place.start : place.stop].decode()
    except UnicodeDecodeError:
        return None
