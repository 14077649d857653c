"""Bands of coefficients: their names, and the selection and weights that determine a run's columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from tasks.dtypes import Float32

DETAILS = ("LH", "HL", "HH")
ORDERS = ("S1", "S2")  # of scattering
FEATURES = "features"  # the one band of rows that are no images

# Bands by orientation and level, each (n, channels, rows, columns) float32.
Planes = Mapping[tuple[str, int], Float32]


class Wave(NamedTuple):
    """A wavelet of the scattering transform: its scale, 1 the finest, and the direction in which it varies, in degrees.

    At 0 degrees it varies to the right, at 45 to the lower right, and at 90 downwards.
    """

    scale: int
    angle: float


Path = tuple[Wave, ...]  # of scattering; its length is the order


class Shape(NamedTuple):
    """A band of a transform and its size in each channel, without a place among the columns."""

    orientation: str
    level: int
    rows: int
    columns: int
    path: Path | None = None


@dataclass(frozen=True)
class Band:
    """A band of coefficients: a run of adjacent columns, ordered by channel, row and column.

    Attributes
    ----------
    orientation
        Horizontal, then vertical filter: LL is the approximation; LH, HL and HH are details. Of scattering, LL is the
        mean, and the others are named by their waves without the last scale, such as `45°` or `45° at 1 > 90°`. The
        one band of rows of features, which are no images, is called `features`.
    level
        Level, 1 the finest; of scattering, the scale of the last wave.
    rows, columns
        Size in each channel.
    start, stop
        Range of columns.
    weight
        Factor of the coefficients.
    path
        The waves of a band of scattering, none for the mean; None for other transforms.
    """

    orientation: str
    level: int
    rows: int
    columns: int
    start: int
    stop: int
    weight: float = 1.0
    path: Path | None = None

    @property
    def order(self) -> int | None:
        """Order of scattering; None for other transforms."""
        return None if self.path is None else len(self.path)

    @property
    def attributes(self) -> dict[str, object]:
        """Description for the attributes of an array."""
        entries = {name: value for name, value in vars(self).items() if name != "path"}
        if self.path is None:
            return entries
        scales, angles = [wave.scale for wave in self.path], [wave.angle for wave in self.path]
        return entries | {"order": self.order, "scales": scales, "angles": angles}


def select(shapes: Sequence[Shape], channels: int, chosen: str, weights: str) -> list[Band]:
    """Select bands, and place them side by side in the order of `shapes`.

    Parameters
    ----------
    shapes
        All bands of a transform.
    channels
        Number of channels of each band.
    chosen
        Terms separated by commas: `all`, `details`, an orientation such as `LL`, a level such as `2` (its details), or
        both, such as `HH1`. Of scattering: `S1` and `S2`, the orders, in place of an orientation.
    weights
        Terms with weights, such as `LL=0.5,1=2`; the last that names a band applies. Other bands have weight 1.

    Raises
    ------
    ValueError
        If a term names no band.
    """
    terms = chosen.split(",")
    weighted = [
        (term, float(weight)) for term, _, weight in (entry.partition("=") for entry in weights.split(",") if entry)
    ]
    for term in [*terms, *(term for term, _ in weighted)]:
        if not any(_names(term, shape) for shape in shapes):
            known = ", ".join(dict.fromkeys(f"{_group(shape)}{shape.level}" for shape in shapes))
            raise ValueError(f"There is no band {term} among {known}: change --bands, --weights or --level.")
    bands: list[Band] = []
    start = 0
    for shape in shapes:
        if any(_names(term, shape) for term in terms):
            weight = next((value for term, value in reversed(weighted) if _names(term, shape)), 1.0)
            stop = start + channels * shape.rows * shape.columns
            bands.append(Band(*shape[:4], start, stop, weight, shape.path))
            start = stop
    return bands


def _names(term: str, shape: Shape) -> bool:
    group = _group(shape)
    if term in {"all", "details"}:
        return term == "all" or group != "LL"
    named = next((name for name in ("LL", *DETAILS, *ORDERS) if term.startswith(name)), "")
    level = term.removeprefix(named)
    return (group == named if named else bool(level) and group != "LL") and level in {"", str(shape.level)}


def _group(shape: Shape) -> str:
    """Return the orientation of a band, or its order."""
    return ORDERS[len(shape.path) - 1] if shape.path else shape.orientation


@dataclass(frozen=True)
class Scale:
    """A set of columns that is decomposed on its own.

    Attributes
    ----------
    level
        Level, 1 the finest; None for all.
    orientation
        That of a band; None for all details of the level.
    channel
        Number of the channel; None for all channels.
    start, stop
        Range of columns.
    order
        Order of scattering; None for other transforms.
    """

    level: int | None
    orientation: str | None
    channel: int | None
    start: int
    stop: int
    order: int | None = None

    @property
    def columns(self) -> slice:
        """The columns as a slice."""
        return slice(self.start, self.stop)


def families(bands: Sequence[Band], channels: int) -> list[list[Scale]]:
    """List all scales in families: the details of each level, each band, and each channel of each band.

    Rows of features have none. Of scattering, the families are orders, the levels of each order, and bands. A family
    that would repeat another is left out.
    """
    if bands[0].path is not None:
        return _families_of_scattering(bands)
    if bands[0].orientation == FEATURES:
        return []
    details = [band for band in bands if band.orientation in DETAILS]
    by_level = [(level, list(group)) for level, group in groupby(details, key=lambda band: band.level)]
    levels = [Scale(level, None, None, group[0].start, group[-1].stop) for level, group in by_level if len(group) > 1]
    single = [
        Scale(band.level, band.orientation, channel, band.start + channel * size, band.start + (channel + 1) * size)
        for band in bands
        for size in [(band.stop - band.start) // channels]
        for channel in range(channels)
    ]
    return [family for family in (levels, _whole(bands), single if channels > 1 else []) if family]


def _whole(bands: Sequence[Band]) -> list[Scale]:
    return [Scale(band.level, band.orientation, None, band.start, band.stop, band.order) for band in bands]


def _families_of_scattering(bands: Sequence[Band]) -> list[list[Scale]]:
    waves = [band for band in bands if band.path]  # the mean is a band already
    orders = [list(group) for _, group in groupby(waves, key=lambda band: band.order)]
    levels = [list(group) for _, group in groupby(waves, key=lambda band: (band.order, band.level))]
    by_order = [Scale(None, None, None, group[0].start, group[-1].stop, group[0].order) for group in orders]
    by_level = [Scale(group[0].level, None, None, group[0].start, group[-1].stop, group[0].order) for group in levels]
    return [family for family in (by_order, by_level, _whole(bands)) if family]
