"""The series that a run belongs to: runs of one source that can be compared with one another."""

import json
from typing import NamedTuple, Self

from pydantic_core import to_json

from storage.errors import DamagedError
from storage.runs.layout import Layout, read_layout
from storage.runs.workspace import RunPaths
from storage.settings import Settings


class Series(NamedTuple):
    """What runs of a series share. An audit compares a run with the one before in its series.

    Attributes
    ----------
    source
        Address of the dataset.
    kind
        Shape of the images, number of their coefficients, and the settings that coefficients depend on, as JSON.
    centred
        Whether the mean is subtracted from the coefficients.
    """

    source: str
    kind: bytes
    centred: bool

    @classmethod
    def of(cls, settings: Settings, layout: Layout) -> Self:
        """Return the series of a run with these settings and this layout."""
        plan = layout.plan
        shape = plan.height, plan.width, plan.channels, plan.coefficients
        return cls(layout.source, to_json([shape, settings.of_coefficients()]), settings.decomposition.centre)


def series_of(paths: RunPaths) -> Series:
    """Return the series of a run.

    Raises
    ------
    DamagedError
        If its settings or its plan cannot be read.
    """
    try:
        settings = Settings.recorded(json.loads(paths.settings.read_bytes()))
    except (OSError, ValueError):
        raise DamagedError(
            f"{paths.settings} is missing or damaged; restore it with eigenwave repair {paths.run_id}."
        ) from None
    return Series.of(settings, read_layout(paths))
