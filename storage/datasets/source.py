"""A dataset as the pipeline sees it: samples in a stable order, and their stored bytes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.findings import Findings
from storage.datasets.kept_columns import KeptColumns
from storage.datasets.splits import in_order
from storage.errors import BadImageError
from storage.pixels.layout import PixelLayout
from storage.pixels.payloads import is_gray, look
from storage.tables.schemas import SPLIT, STAMP

PROBED = 5000  # images whose headers decide color and size; smaller datasets are probed whole
PROBED_GRAY = 100_000  # if all of those are gray, since a run sets images with color aside then
AT_ONCE = 1000
LISTED_AT_ONCE = 2**16  # samples that exist as Python objects at a time while a dataset is listed

# A dataset's samples, one per row. Keys are unique and stay the same when the dataset grows. `offset` and `length` give
# a sample's place in its file, in bytes; they are null if the key is enough. While `stamp` stays the same, the sample's
# bytes do too; it is null if only reading can show that.
SAMPLES = pa.schema(
    {
        "key": pa.string(),
        "class_id": pa.int32(),
        "split": SPLIT,
        "offset": pa.int64(),
        "length": pa.int64(),
        "stamp": STAMP,
    }
)


class Source(Protocol):
    """A labelled image dataset.

    Opening a source is cheap; each worker does it once per run. Listing may be slow; only the planning process does it.

    Attributes
    ----------
    classes
        Class names; a sample's `class_id` is a position in them.
    layout
        How pixels lie in the stored bytes of each sample; None if each is an image file.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def layout(self) -> PixelLayout | None: ...  # noqa: D102

    @property
    def findings(self) -> Findings:
        """Warnings, notes and files that are not read; complete once the samples are listed."""
        ...

    @property
    def columns(self) -> KeptColumns | None:
        """Columns of the dataset beside image and label, once the samples are listed; None if it has none."""
        ...

    def samples(self) -> pa.Table:
        """All samples (schema `SAMPLES`), those of the split `train` first, in the same order each time.

        Raises
        ------
        InputError
            If labels are missing or not possible, or the dataset is damaged as a whole.
        """
        ...

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """Read the stored bytes of samples, in their order, or the reason why they cannot be read.

        Neighbors in the dataset's order are read together if that saves time.
        """
        ...


class Reporting:
    """Base of sources: findings are added while samples are listed, and there are no columns beside image and label."""

    @cached_property
    def findings(self) -> Findings:
        """Findings beside the samples."""
        return Findings()

    @property
    def columns(self) -> KeptColumns | None:
        """Columns beside image and label."""
        return None


class ListedSource(Reporting):
    """Base of sources whose classes are known only once their samples are listed."""

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...], pa.Table]:
        """Class names, and all samples."""
        raise NotImplementedError

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names."""
        return self._listed[0]

    def samples(self) -> pa.Table:
        """All samples, train first."""
        return self._listed[1]


@dataclass(frozen=True)
class Probe:
    """Result of reading some images' headers: sizes as (width, height), and 3 channels if any image has color."""

    sizes: Counter[tuple[int, int]]
    channels: int
    bad: Sequence[tuple[str, BadImageError]]


def probe(source: Source, samples: pa.Table) -> Probe:
    """Read the headers of all samples, or of `PROBED` random ones; of one if all have the same layout.

    If those are gray, up to `PROBED_GRAY` are read. The draw depends only on the number of samples. Samples at even
    steps would miss a pattern that repeats at that step. Bad images among those that are read are given by name.
    """
    if source.layout is not None:
        return _headers(source, samples.slice(0, 1))
    order = np.random.default_rng(len(samples)).permutation(len(samples))
    first = _headers(source, samples.take(np.sort(order[:PROBED])))
    more = order[PROBED:PROBED_GRAY]
    if first.channels > 1 or not len(more):
        return first
    rest = _headers(source, samples.take(np.sort(more)))
    return Probe(first.sizes + rest.sizes, rest.channels, [*first.bad, *rest.bad])


def _headers(source: Source, samples: pa.Table) -> Probe:
    """Read the headers of samples."""
    sizes: Counter[tuple[int, int]] = Counter()
    colour, bad = False, []
    for key, payload in zip(samples["key"].to_pylist(), source.read(samples), strict=True):
        try:
            mode, size = look(intact(payload), source.layout)
        except BadImageError as error:
            bad.append((key, error))
            continue
        sizes[size] += 1
        colour = colour or not is_gray(mode)
    return Probe(sizes, 3 if colour else 1, bad)


def bad_images(source: Source, samples: pa.Table, most: int) -> list[tuple[str, BadImageError]]:
    """Images whose header cannot be read, by name; the search stops once there are more than `most`."""
    bad: list[tuple[str, BadImageError]] = []
    for start in range(0, len(samples), AT_ONCE):
        some = samples.slice(start, AT_ONCE)
        for key, payload in zip(some["key"].to_pylist(), source.read(some), strict=True):
            try:
                look(intact(payload), source.layout)
            except BadImageError as error:
                bad.append((key, error))
        if len(bad) > most:
            break
    return bad


def intact(payload: bytes | BadImageError) -> bytes:
    """Return a payload of `Source.read` if it is an image's bytes.

    Raises
    ------
    BadImageError
        If the payload is an error.
    """
    if isinstance(payload, BadImageError):
        raise payload
    return payload


def to_samples(batches: Iterable[Mapping[str, object]]) -> pa.Table:
    """Make a table of samples from columns. Missing columns are null; `split` may be one name for all rows."""
    return pa.Table.from_batches([_batch(columns) for columns in batches], SAMPLES).combine_chunks()


def _batch(columns: Mapping[str, object]) -> pa.RecordBatch:
    keys = pa.array(columns["key"], pa.string())
    split = columns["split"]
    arrays = [
        keys,
        pa.array(columns["class_id"], pa.int32()),
        (pa.repeat(split, len(keys)) if isinstance(split, str) else pa.array(split)).dictionary_encode().cast(SPLIT),
        *(
            pa.array(columns[name], SAMPLES.field(name).type)
            if name in columns
            else pa.nulls(len(keys), SAMPLES.field(name).type)
            for name in ("offset", "length", "stamp")
        ),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SAMPLES)


def numbered(samples: pa.Table) -> pa.Table:
    """Append #2, #3 and so on to repeated keys, and put the length of the original key in an empty `length`."""
    if pc.count_distinct(samples["key"]).as_py() == len(samples):
        return samples
    keys, lengths = samples["key"].to_pylist(), samples["length"].to_pylist()
    taken: set[str] = set()
    seen: Counter[str] = Counter()  # so that a key that comes often is not counted from 1 each time
    for row, key in enumerate(keys):
        number = seen[key] + 1
        unique = key if number == 1 else f"{key}#{number}"
        while unique in taken:
            number += 1
            unique = f"{key}#{number}"
        if number > 1 and lengths[row] is None:
            lengths[row] = len(key)
        keys[row], seen[key] = unique, number
        taken.add(unique)
    columns = {"key": pa.array(keys, pa.string()), "length": pa.array(lengths, pa.int64())}
    return pa.Table.from_arrays([columns.get(name, samples[name]) for name in SAMPLES.names], schema=SAMPLES)


def train_first(samples: pa.Table, *, sort: bool = False) -> pa.Table:
    """Order samples by split: train, val, test, others. Within a split keep their order, or sort by class and key."""
    splits = samples["split"].combine_chunks()
    names = splits.dictionary.to_pylist()
    ranks = {name: rank for rank, name in enumerate(sorted(names, key=in_order))}
    columns = {"split": pa.array([ranks[name] for name in names], pa.int32()).take(splits.indices)}
    if sort:
        columns |= {"class_id": samples["class_id"], "key": samples["key"]}
    columns["row"] = pa.array(np.arange(len(samples)))
    order = pc.sort_indices(pa.table(columns), sort_keys=[(name, "ascending") for name in columns])
    return samples.take(order)


def split_first(samples: pa.Table, split: str) -> pa.Table:
    """Move the samples of one split to the front. The samples of each split must already be together."""
    splits = samples["split"].cast(pa.string())
    if splits[0].as_py() == split:
        return samples
    here = pc.equal(splits, split)
    return pa.concat_tables([samples.filter(here), samples.filter(pc.invert(here))]).combine_chunks()
