"""The group of each image (a scene, a patient, a video), from a column of the dataset or a pattern in its keys."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.datasets.findings import Finding, counted, named
from storage.datasets.kept_columns import KeptColumns
from storage.errors import InputError
from storage.tables.schemas import REMOVED
from tasks.dtypes import UInt64
from tasks.statistics.relabelling import sample_ids

FEW_GROUPS = 20  # fewer say little, however many images they hold


@dataclass(frozen=True)
class Groups:
    """The groups that the setting `group` names.

    Attributes
    ----------
    source
        Address of the dataset, for messages.
    columns
        Columns of the dataset beside image and label, or None.
    wanted
        Name of a column, or a pattern that is found in the keys of images; None if images are not grouped.
    """

    source: str
    columns: KeptColumns | None
    wanted: str | None

    def of(self, samples: pa.Table) -> pa.ChunkedArray | None:
        """Name of each image's group (n,), null where it has none; None if images are not grouped.

        Images that were removed from the dataset are in no group.

        Raises
        ------
        InputError
            If the setting is neither a column that can name groups, nor a pattern that tells images apart.
        """
        if self.wanted is None:
            return None
        there = np.asarray(pc.not_equal(samples["class_id"], REMOVED))
        kept = samples.filter(pa.array(there))
        names = self._of_column(kept, self.columns) if self._column else self._of_keys(kept, self.wanted)
        if pc.count_distinct(names, mode="all").as_py() < 2:  # noqa: PLR2004
            raise InputError(f"--group {self.wanted} puts all images of {self.source} into one group.")
        return names.take(pa.array(np.cumsum(there) - 1, mask=~there))

    def ids(self, samples: pa.Table) -> UInt64 | None:
        """Id of each image's group (n,), None if images are not grouped. An image in no group is a group of its own."""
        names = self.of(samples)
        if names is None:
            return None
        encoded = names.combine_chunks().dictionary_encode()
        alone = np.asarray(encoded.indices.is_null())
        result = np.empty(len(names), np.uint64)
        result[~alone] = sample_ids(encoded.dictionary.to_pylist())[np.asarray(encoded.indices.drop_null())]
        result[alone] = sample_ids(samples["key"].filter(pa.array(alone)).to_pylist())
        return result

    @property
    def _column(self) -> pa.Field | None:
        known = self.columns.schema if self.columns else pa.schema([])
        return known.field(self.wanted) if self.wanted in known.names else None

    def _of_column(self, samples: pa.Table, columns: KeptColumns | None) -> pa.ChunkedArray:
        field = self._column
        if columns is None or field is None or pa.types.is_nested(field.type) or pa.types.is_floating(field.type):
            raise InputError(
                f"The column {self.wanted!r} of {self.source} holds {field and field.type}; --group takes a column of "
                "texts or whole numbers."
            )
        values = [chunk for piece in columns.pieces(samples) for chunk in piece[field.name].chunks]
        return pa.chunked_array([chunk.cast(pa.string()) for chunk in values], pa.string())

    def _of_keys(self, samples: pa.Table, wanted: str) -> pa.ChunkedArray:
        try:
            pattern = re.compile(wanted)
        except re.error:
            raise InputError(self._unknown(samples)) from None
        matches = map(pattern.search, samples["key"].to_pylist())
        names = pa.chunked_array([[match and match[1 if pattern.groups else 0] for match in matches]], pa.string())
        if names.null_count == len(names):
            raise InputError(self._unknown(samples))
        return names

    def _unknown(self, samples: pa.Table) -> str:
        have = f"It has the columns {named(self.columns.schema.names)}." if self.columns else "It has no columns."
        return (
            f"{self.source} has no column {self.wanted!r} to group images by, and no name of an image, such as "
            f"{samples['key'][0].as_py()}, contains that. {have} Pass one of its columns to --group, or a regular "
            "expression whose first parentheses hold the group in names of images."
        )


def group_findings(names: pa.ChunkedArray | None, samples: pa.Table, fitted_split: str) -> Iterator[Finding]:
    """How many groups there are, images without one, and groups on both sides of the splits."""
    if names is None:
        return
    split = samples["split"].cast(pa.string())
    here = pc.equal(split, fitted_split)
    count = pc.count_distinct(names.filter(here)).as_py()
    few = ". These are few: what holds for them need not hold for others" if count < FEW_GROUPS else ""
    yield Finding("groups", f"The split {fitted_split} has {counted(count, 'group')} of images{few}.", count)
    if alone := names.null_count:
        text = f"{counted(alone, 'image')} without a group {'is' if alone == 1 else 'are'} taken as independent."
        yield Finding("images without a group", text, alone)
    known = pc.unique(names.filter(here)).drop_null()
    both = pc.and_(pc.invert(here), pc.is_in(names, value_set=known))
    if leaked := pc.sum(both).as_py():
        examples = named(pc.unique(names.filter(both)).to_pylist())
        text = (
            f"{counted(leaked, 'image')} of other splits belong to groups that the split {fitted_split} has too "
            f"({examples}). Held-out results leave them out."
        )
        yield Finding("leaked groups", text, leaked)
