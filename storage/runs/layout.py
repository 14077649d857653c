"""plan.json: the plan of a run, written before it begins and never changed."""

import dataclasses
import json
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from storage.errors import DamagedError
from storage.runs.workspace import RunPaths


@dataclass(frozen=True)
class PlanRecord:
    """The numbers of a plan, as plan.json holds them. `tasks.planning.plan.Plan` derives others from them.

    Attributes
    ----------
    images, fitted
        Number of all images, and of the images that patterns are fitted on.
    masked
        Number of rows whose image was removed from the dataset after an earlier run.
    fitted_rows
        Number of rows up to the last image that patterns are fitted on.
    classes
        Number of class labels, empty classes included.
    height, width, channels
        Shape of every image.
    coefficients, value_bytes
        Number of coefficients per image, p, and bytes of each on disk.
    rank
        Number of patterns, k; with the setting energy, the number to begin with.
    block_width
        Number of columns multiplied in the first pass, l.
    passes
        Largest number of passes that patterns are taken from; the first is part of the transform.
    rows_per_shard, shards
        Rows in a shard, and number of shards.
    scales
        Number of column sets that are decomposed on their own.
    solver
        Method that decomposes the coefficients.
    unlabelled
        Number of images without a label, which only get scores.
    judging_coefficients, judging_rank
        Number of coefficients of an image that labels are judged by, and of their patterns; 0 if labels are judged by
        the run's own patterns.
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
    unlabelled: int = 0
    judging_coefficients: int = 0
    judging_rank: int = 0


@dataclass(frozen=True)
class Layout:
    """The content of plan.json.

    An interrupted run is found by these bytes, so the order of the fields is part of the format.

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
        Folder of a finished run whose numbering of rows this run keeps, or None.
    compared_with
        Id of the last finished run of the same source, which this run is compared with, or None.
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
        """Return the bytes of plan.json."""
        content = dataclasses.asdict(self)
        # A plan has further numbers, which follow from these and the settings.
        content["plan"] = {field.name: getattr(self.plan, field.name) for field in dataclasses.fields(PlanRecord)}
        # Numbers that were added later are left out if they are 0, so that earlier interrupted runs continue.
        for name in ("unlabelled", "judging_coefficients", "judging_rank"):
            if not content["plan"][name]:
                del content["plan"][name]
        return json.dumps(content, indent=2).encode()


STORED = TypeAdapter(Layout)


def read_layout(paths: RunPaths) -> Layout:
    """Read the layout of a run from its plan.json.

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
    raise DamagedError(f"{paths.plan} {problem}; restore it with eigenwave repair and the name of its run.")
