"""plan.json: what a run is about to do, fixed before it begins and never changed."""

import dataclasses
import json
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from storage.errors import DamagedError
from storage.runs.workspace import RunPaths


@dataclass(frozen=True)
class PlanRecord:
    """The numbers of a plan, as plan.json keeps them; `tasks.planning.plan.Plan` adds what follows from them.

    Attributes
    ----------
    images, fitted
        All images, and those of them that patterns are fitted on.
    masked
        Rows without an image: it was removed from the dataset after an earlier run.
    fitted_rows
        Rows up to the last image that patterns are fitted on.
    classes
        Class labels, empty classes included.
    height, width, channels
        Shape of every image.
    coefficients, value_bytes
        Coefficients an image, p, and bytes that each takes on disk.
    rank
        Patterns, k; if they are given by energy, those to begin with.
    block_width
        Columns multiplied in a pass, l.
    passes
        Most passes over the fitted images; the first is part of the transform.
    rows_per_shard, shards
        How the images are cut.
    scales
        Sets of columns that are decomposed on their own.
    solver
        How the coefficients are decomposed.
    """

    images: int
    fitted: int
    masked: int
    fitted_rows: int
    classes: int
    height: int
    width: int
    channels: int
    coefficients: int
    value_bytes: int
    rank: int
    block_width: int
    passes: int
    rows_per_shard: int
    shards: int
    scales: int
    solver: str


@dataclass(frozen=True)
class Layout:
    """All of plan.json. An interrupted run is found by these bytes, so the order of the fields is part of the format.

    Attributes
    ----------
    source
        Address of the dataset.
    fitted_split
        Split that patterns are fitted on.
    classes
        Names of the classes, in the order of their ids.
    plan
        The numbers.
    samples
        SHA-256 over keys, labels and splits of all samples, in the order of the dataset.
    warm_start
        Folder of a finished run whose patterns the decomposition starts from, or None.
    rows_of
        Folder of a finished run that images have their rows from, or None.
    compared_with
        Id of the last finished run of the same source, that this one is compared with, or None.
    """

    source: str
    fitted_split: str
    classes: tuple[str, ...]
    plan: PlanRecord
    samples: str
    warm_start: str | None = None
    rows_of: str | None = None
    compared_with: str | None = None

    def encoded(self) -> bytes:
        """The content of plan.json."""
        return json.dumps(dataclasses.asdict(self), indent=2).encode()


STORED = TypeAdapter(Layout)


def read_layout(paths: RunPaths) -> Layout:
    """The layout of a run, from its plan.json.

    Raises
    ------
    DamagedError
        If the file is missing or damaged.
    """
    try:
        return STORED.validate_json(paths.plan.read_bytes())
    except FileNotFoundError:
        problem = "is missing"
    except ValidationError:
        problem = "is damaged"
    raise DamagedError(f"{paths.plan} {problem}; eigenwave repair with the name of its run brings it back.")
