"""What a dataset is to the pipeline: samples in a stable order, and their stored bytes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.findings import Findings, Reporting
from storage.datasets.splits import in_order
from storage.errors import BadImageError
from storage.pixels.layout import PixelLayout
from storage.pixels.payloads import is_gray, look
from storage.tables.schemas import SPLIT, STAMP

PROBED = 5000  # images whose headers decide colour and size: all of a dataset that has no more
AT_ONCE = 1000
LISTED_AT_ONCE = 2**16  # samples that are Python objects at the same time while a dataset is listed

# A dataset's samples, one a row. Keys are unique and survive the growth of the dataset; `offset` and `length` say where
# a sample lies in its file if its key alone does not (bytes; null otherwise). As long as `stamp` stays the same, so do
# the sample's bytes; null if nothing but reading tells.
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

    Opening one is cheap: each worker does, once a run. Listing it may not be: only the process that plans does.

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
        """What was noticed and what is not read; complete once the samples were listed."""
        ...

    def samples(self) -> pa.Table:
        """All samples (schema `SAMPLES`), those of the split `train` first; the same order each time.

        Raises
        ------
        InputError
            If labels are missing or not possible, or the dataset is damaged as a whole.
        """
        ...

    def read(self, samples: pa.Table) -> Iterator[bytes | BadImageError]:
        """The stored bytes of each of some samples, in their order, or why they cannot be read.

        Neighbours in the dataset's order are read together where that saves time.
        """
        ...


class ListedSource(Reporting):
    """What sources have in common whose classes are known once their samples are listed."""

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
    """What a look at some images' headers shows: sizes as (width, height), and 3 channels if any has colour."""

    sizes: Counter[tuple[int, int]]
    channels: int
    bad: Sequence[tuple[str, BadImageError]]


def probe(source: Source, samples: pa.Table) -> Probe:
    """Read the headers of all samples, or of `PROBED` of them drawn at random; of one if all must be alike.

    The draw depends on the number of samples alone. Even steps would miss what repeats in a dataset at that step.
    The bad images among those that are read are given by name.
    """
    positions = np.arange(len(samples) if source.layout is None else min(1, len(samples)))
    if len(positions) > PROBED:
        positions = np.sort(np.random.default_rng(len(samples)).choice(len(samples), PROBED, replace=False))
    sizes: Counter[tuple[int, int]] = Counter()
    colour, bad = False, []
    looked = samples.take(positions)
    for key, payload in zip(looked["key"].to_pylist(), source.read(looked), strict=True):
        try:
            mode, size = look(intact(payload), source.layout)
        except BadImageError as error:
            bad.append((key, error))
            continue
        sizes[size] += 1
        colour = colour or not is_gray(mode)
    return Probe(sizes, 3 if colour else 1, bad)


def bad_images(source: Source, samples: pa.Table, most: int) -> list[tuple[str, BadImageError]]:
    """Images whose header cannot be read, by name; no more are looked for once there are more than `most`."""
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
    """What `Source.read` gave, if it is an image's bytes.

    Raises
    ------
    BadImageError
        If it is why they cannot be read.
    """
    if isinstance(payload, BadImageError):
        raise payload
    return payload


def to_samples(batches: Iterable[Mapping[str, object]]) -> pa.Table:
    """A table of samples from columns; what a batch leaves out is null, `split` may be one name for all."""
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
    """Samples with #2, #3 and so on behind keys that came before, and then the length of the key without it."""
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
    """Order samples by split: train, val, test, others; within a split as they are, or sorted by class and key."""
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
    """Samples, in which those of a split lie together, with those of one split first."""
    splits = samples["split"].cast(pa.string())
    if splits[0].as_py() == split:
        return samples
    here = pc.equal(splits, split)
    return pa.concat_tables([samples.filter(here), samples.filter(pc.invert(here))]).combine_chunks()
