"""Collect the content of the report and its figures from a run, as plain values: texts, numbers and pixels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from storage.arrays.zarr import open_array
from storage.runs.run import Run
from storage.tables.parquet import as_today, read_table
from storage.tables.schemas import TABLES
from tasks.dtypes import Float32, Float64, UInt8
from tasks.planning.memory import BLOCK_BYTES, picture_side
from tasks.report.asked import NOTHING, Asked
from tasks.report.checks import Check, checks, complete, exact, worst_first
from tasks.report.copies import copy_checks
from tasks.report.drift_words import drift_checks, drift_headline, examples_of
from tasks.report.independence import independence
from tasks.report.learning import curve_rows
from tasks.report.listed import listed_by_kind
from tasks.report.mixed_up import Other, counted, mixed_up
from tasks.report.pairs import pairs_by_kind
from tasks.report.pixels import energy, natural, reduced, signed
from tasks.report.quality_words import KindEntry, quality_check, quality_entries
from tasks.report.reconstruct import space_of
from tasks.report.shortcuts import no_shortcut, shortcuts
from tasks.report.thumbnails import in_turn
from tasks.report.to_fix import PROBABLE, WRONG_LABEL, ToFix, to_fix
from tasks.report.verdict import Row, beyond_chance, headline, word_meaning

TINY = 32  # largest side, in pixels, of pictures whose pixels are shown as squares
ALL_OF_A_CLASS = 32  # most classes of which more than one pattern is shown
LISTED = 12  # patterns listed for a class, and classes for a pattern
GENERALIZED = 20
REJECTS = 200
FEATURES = "features"
SHARES = 5  # classes with the largest shares of suspects


@dataclass(frozen=True)
class Pictures:
    """A run's patterns as reduced images.

    Attributes
    ----------
    run
        The run.
    mean
        Mean image (height, width, channels) float32.
    patterns
        Reduced images (patterns, height, width, channels) float32, whose sums are the reduced sums of the full images;
        or maps of energy.
    linear
        False if patterns are maps of energy, because the run's coefficients cannot be turned into images.

    A run on features has none of it.
    """

    run: Run
    mean: Float32
    patterns: Float32
    linear: bool

    @classmethod
    def of(cls, run: Run) -> "Pictures":
        """Read and reduce the patterns of a run, a few at a time."""
        images = run.pattern_images
        side = picture_side(images.shape[0], len(run.manifest.classes), images.shape[1:])
        step = max(1, BLOCK_BYTES // (4 * int(np.prod(images.shape[1:]))))
        blocks = [reduced(np.asarray(images[at : at + step]), side) for at in range(0, images.shape[0], step)]
        mean = reduced(np.asarray(run.mean_image[:]), side)
        return cls(run, mean, np.concatenate(blocks), bool(run.coefficients.attrs["invertible"]))

    def drawn(self, values: Float32) -> UInt8:
        """Draw a pattern as pixels (height, width, 3)."""
        return signed(values) if self.linear else energy(values)

    def combined(self, weights: Float64) -> UInt8:
        """Draw the sum of patterns with weights (patterns,) as pixels (height, width, 3)."""
        if self.linear:
            return self.drawn(np.tensordot(weights.astype(np.float32), self.patterns, 1))
        coefficients = (weights @ np.asarray(self.run.patterns[:])).astype(np.float32)
        return self.drawn(reduced(space_of(self.run).picture(coefficients[None])[0], max(self.mean.shape[:2])))


class ClassEntry(NamedTuple):
    """A class: pictures of its own patterns, the ratios of its variance along them, and its most distinct patterns.

    `mixed_up` are the classes that its images look more like, and `issues` the number of its issues by kind.
    """

    class_id: int
    name: str
    images: int
    pictures: list[UInt8]
    ratios: list[float | None]
    held_out_ratios: list[float | None]
    angle: float | None
    null_angle: float | None
    patterns: list[tuple[int, float]]
    mixed_up: list[Other]
    issues: dict[str, int]


class PatternEntry(NamedTuple):
    """A pattern: its row in the table, its picture or None, its most distinct classes, and its exemplars by side."""

    row: Row
    picture: UInt8 | None
    classes: list[tuple[int, float, float | None]]
    exemplars: dict[str, list[int]]


class Rebuilt(NamedTuple):
    """An image as the growing sum of its patterns: pictures by rank, and the stored thumbnail of the image."""

    key: str
    class_name: str
    pictures: list[UInt8]
    original: bytes


class Thumbnail(NamedTuple):
    """A thumbnail as a WebP file, with the image's name, its class, and where to find it if that is known."""

    image: bytes
    key: str
    class_id: int
    path: str | None


class Drift(NamedTuple):
    """The changes since the run before: its id, a headline, the single changes, and those on each of its patterns."""

    before: str
    headline: str
    checks: list[Check]
    patterns: Sequence[Row]


@dataclass(frozen=True)
class Report:
    """The content of the report.

    `to_fix` is None for a run without a list of issues. `pairs` of copies and the images `listed` are by kind of issue.
    `kind` says what pictures of patterns show: color, gray or energy; of a run on features, which has none, features.
    `shortcuts` says of patterns that are likely shortcuts where they lie. `asked` has the answers about columns and
    layers. `source` is the address of the dataset, or its name alone if the report is `shared` with others.
    """

    run: Run
    source: str
    kind: str
    headline: str
    word_meaning: str | None
    learnability: Row
    beyond_chance: float | None
    checks: list[Check]
    to_fix: list[ToFix] | None
    classes: list[ClassEntry]
    patterns: list[PatternEntry]
    shortcuts: dict[int, str]
    generalized: list[dict[str, Any]]
    ranks: list[int]
    rebuilt: list[Rebuilt]
    thumbnails: dict[int, Thumbnail]
    pairs: Mapping[str, Sequence[Row]]
    listed: Mapping[str, Mapping[str, Any]]
    suspects: Sequence[Row]
    suspect_shares: Sequence[Row]
    quality: Sequence[KindEntry]
    rejects: Sequence[Row]
    noise: Sequence[Row]
    scales: Sequence[Row]
    learning: Sequence[Row]
    drift: Drift | None
    asked: Asked
    shared: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.run.manifest.classes

    @property
    def pictured(self) -> bool:
        """Whether there are pictures, since the run is on images."""
        return self.kind != FEATURES

    @property
    def tiny(self) -> bool:
        """Whether pictures have so few pixels that these are shown as squares."""
        return max(self.run.manifest.plan["height"], self.run.manifest.plan["width"]) <= TINY


def gather_report(run: Run, asked: Asked = NOTHING) -> Report:
    """Read the tables, patterns and thumbnails of a run; `asked` is what it was asked about since."""
    manifest, pictures = run.manifest, Pictures.of(run) if run.pictured else None
    row, noise, patterns = manifest.learnability, rows_of(run, "label_noise"), rows_of(run, "patterns")
    thumbnails = {entry["row"]: entry for entry in rows_of(run, "thumbnails")}
    ranks, counted = growing(run.patterns.shape[0]), rows_of(run, "quality_classes")
    examples = [entry for entry in thumbnails.values() if entry["example"] and pictures and pictures.linear]
    examples.sort(key=lambda entry: entry["class_id"])
    return Report(
        run=run,
        source=manifest.source,
        kind=_kind(pictures),
        headline=headline(row),
        word_meaning=word_meaning(row),
        learnability=row,
        beyond_chance=beyond_chance(row),
        checks=worst_first(
            *checks(row, rows_of(run, "held_out"), noise, patterns),
            *copy_checks(rows_of(run, "duplication")),
            *_shortcuts(patterns, asked),
            *([quality_check(counted)] if pictures else []),
            exact(manifest.residual_max, manifest.settings["tolerance"]),
            complete(
                manifest.rejected,
                manifest.plan["images"],
                all_differ=row.get("repeats") is not None and manifest.repeated == 0,
            ),
            *independence(
                row,
                manifest.conflicting,
                grouped=manifest.settings.get("group") is not None,
                copies_known=run.paths.table("duplication").exists(),
            ),
        ),
        to_fix=_to_fix(run),
        classes=_classes(run, pictures),
        patterns=_patterns(run, pictures),
        shortcuts={entry["pattern"]: place for entry, place in shortcuts(patterns)},
        generalized=_generalized(run, pictures),
        ranks=ranks,
        rebuilt=[_rebuilt(run, pictures, entry, ranks) for entry in examples if pictures],
        thumbnails={
            number: Thumbnail(entry["image"], entry["key"], entry["class_id"], entry.get("path"))
            for number, entry in thumbnails.items()
        },
        pairs=_pairs(run),
        listed=_listed(run),
        suspects=in_turn(rows_of(run, "suspects")),
        suspect_shares=_suspect_shares(run),
        quality=quality_entries(rows_of(run, "quality"), counted),
        rejects=rows_of(run, "rejects")[:REJECTS],
        noise=noise,
        scales=rows_of(run, "scales"),
        learning=curve_rows(rows_of(run, "learning_curve")),
        drift=_drift(run),
        asked=asked,
    )


def _kind(pictures: Pictures | None) -> str:
    if pictures is None:
        return FEATURES
    return "energy" if not pictures.linear else "gray" if pictures.patterns.shape[3] == 1 else "colour"


def _shortcuts(patterns: Sequence[Row], asked: Asked) -> list[Check]:
    """Warn of columns, and of patterns, that are shortcuts. No pattern is called none beside a column that is one."""
    of_patterns = no_shortcut(patterns)
    if of_patterns is None or (of_patterns.passed and asked.checks):
        return asked.checks
    return [*asked.checks, of_patterns]


def _suspect_shares(run: Run) -> list[dict[str, Any]]:
    """Return the rows of the table `classes` with the largest shares of suspects; none of a run without the table."""
    found = [row for row in rows_of(run, "classes") if row["suspects"]]
    return sorted(found, key=lambda row: (-row["suspect_share"], row["class_id"]))[:SHARES]


def _pairs(run: Run) -> dict[str, Sequence[Mapping[str, Any]]]:
    table = run.paths.table("near_duplicates")
    return pairs_by_kind(as_today(read_table(table), TABLES["near_duplicates"])) if table.exists() else {}


def _listed(run: Run) -> dict[str, Mapping[str, Any]]:
    table = run.paths.table("issues")
    return listed_by_kind(read_table(table)) if table.exists() else {}


def _to_fix(run: Run) -> list[ToFix] | None:
    """List the kinds of issues; None for a run of a version that did not list them."""
    if not run.paths.table("issues").exists():
        return None
    issues = read_table(run.paths.table("issues"), ["kind", "severity"])
    wrong = np.asarray(issues["kind"].cast(pa.string()).to_numpy(zero_copy_only=False) == WRONG_LABEL)
    probable = int((wrong & (np.asarray(issues["severity"]) >= PROBABLE)).sum())
    return to_fix(rows_of(run, "issue_kinds"), probable)


def rows_of(run: Run, name: str) -> list[dict[str, Any]]:
    """Read the rows of a table; none if the run does not have the table."""
    if not run.paths.table(name).exists():
        return []
    rows: list[dict[str, Any]] = run.tables[name].to_pylist()
    return rows


def growing(rank: int) -> list[int]:
    """Return the numbers of patterns in the growing sums of an image: 0, 1, 4, 16, ... and all."""
    ranks = [0] + [4**power for power in range(10) if 4**power < rank]
    return [*ranks, rank]


def by_pair(run: Run, column: str) -> Float64:
    """Read a column of the table pattern_class as (patterns, classes) float64; NaN where it is null."""
    values: Float64 = read_table(run.paths.table("pattern_class"), [column])[column].to_numpy().astype(np.float64)
    return values.reshape(-1, len(run.manifest.classes))


def _leading(values: Float64) -> list[int]:
    """Return the positions of the known values that are largest in magnitude."""
    magnitudes = np.nan_to_num(np.abs(values), nan=-1.0)
    return [int(place) for place in np.argsort(-magnitudes, kind="stable")[:LISTED] if magnitudes[place] >= 0]


def _classes(run: Run, pictures: Pictures | None) -> list[ClassEntry]:
    names, effects = run.manifest.classes, by_pair(run, "cohens_d")
    counts = by_pair(run, "n")[0]
    loadings = np.asarray(open_array(run.paths.class_loadings)[:])
    shown = loadings.shape[1] if len(names) <= ALL_OF_A_CLASS else 1
    others, issues = _mixed_up(run), _issues_by_class(run)
    by_class: dict[int, list[Row]] = {}
    for row in rows_of(run, "class_patterns"):
        by_class.setdefault(row["class_id"], []).append(row)
    entries = []
    for class_id, name in enumerate(names):
        own = [row for row in by_class.get(class_id, [])[:shown] if row["share"] is not None]
        entries.append(
            ClassEntry(
                class_id=class_id,
                name=name,
                images=int(counts[class_id]),
                pictures=[pictures.combined(loadings[class_id, row["number"]]) for row in own if pictures],
                ratios=[variance_ratio(row["angular_distance"]) for row in own],
                held_out_ratios=[variance_ratio(row["held_out_angular_distance"]) for row in own],
                angle=own[0]["angular_distance"] if own else None,
                null_angle=own[0]["null_angular_distance"] if own else None,
                patterns=[(j, float(effects[j, class_id])) for j in _leading(effects[:, class_id])],
                mixed_up=others.get(class_id, []),
                issues=issues.get(class_id, {}),
            )
        )
    return entries


def _mixed_up(run: Run) -> dict[int, list[Other]]:
    table = run.paths.table("confusions")
    if table.exists():
        return mixed_up(read_table(table))
    return counted(read_table(run.paths.table("samples"), ["class_id", "likely_class_id"]).drop_null())


def _issues_by_class(run: Run) -> dict[int, dict[str, int]]:
    """Count the listed issues of each class by kind, in the order of the kinds."""
    if not run.paths.table("issues").exists():
        return {}
    issues = read_table(run.paths.table("issues"), ["class_id", "kind"])
    issues = issues.set_column(1, "kind", issues["kind"].cast(pa.string()))
    found: dict[int, dict[str, int]] = {}
    for row in issues.group_by(["class_id", "kind"], use_threads=False).aggregate([([], "count_all")]).to_pylist():
        found.setdefault(row["class_id"], {})[row["kind"]] = row["count_all"]
    return found


def variance_ratio(angle: float | None) -> float | None:
    """Ratio of a class's variance to the mean variance of the other classes, from its angular distance."""
    if angle is None or angle >= np.pi / 4:
        return None
    return float(np.tan(angle + np.pi / 4) ** 2)


def _patterns(run: Run, pictures: Pictures | None) -> list[PatternEntry]:
    effects, areas = by_pair(run, "cohens_d"), by_pair(run, "auc")
    exemplars: list[dict[str, list[int]]] = [{"positive": [], "negative": []} for _ in range(len(effects))]
    for row in rows_of(run, "exemplars"):
        exemplars[row["pattern"]][row["side"]].append(row["row"])
    return [
        PatternEntry(
            row=row,
            picture=pictures.drawn(pictures.patterns[j]) if pictures else None,
            classes=[(c, float(effects[j, c]), _known(areas[j, c])) for c in _leading(effects[j])],
            exemplars=exemplars[j],
        )
        for j, row in enumerate(rows_of(run, "patterns"))
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _generalized(run: Run, pictures: Pictures | None) -> list[dict[str, Any]]:
    """Collect the most uneven generalized patterns, each with its picture or None, and its most uneven classes."""
    by_number: dict[int, list[Row]] = {}
    for row in rows_of(run, "generalized_patterns"):
        if row["pattern"] < GENERALIZED and row["share"] is not None:
            by_number.setdefault(row["pattern"], []).append(row)
    loadings = np.asarray(open_array(run.paths.generalized_loadings)[:GENERALIZED])
    return [
        {
            "pattern": number,
            "picture": pictures.combined(loadings[number]) if pictures else None,
            "owners": sorted(rows, key=lambda row: -row["share"])[:3],
            "replicability": rows[0]["replicability"],
        }
        for number, rows in by_number.items()
    ]


def _drift(run: Run) -> Drift | None:
    found, patterns, classes = (rows_of(run, f"compared_{name}") for name in ("runs", "patterns", "classes"))
    before = run.manifest.layout.compared_with
    if not found or before is None:
        return None
    images = read_table(run.paths.table("compared_images"))
    changes = drift_checks(found[0], patterns, classes, examples_of(images))
    return Drift(before, drift_headline(changes), changes, patterns)


def _rebuilt(run: Run, pictures: Pictures, entry: Mapping[str, Any], ranks: Iterable[int]) -> Rebuilt:
    scores = np.asarray(run.scores[entry["row"]])
    sums = [pictures.mean + np.tensordot(scores[:rank], pictures.patterns[:rank], 1) for rank in ranks]
    return Rebuilt(
        entry["key"],
        run.manifest.classes[entry["class_id"]],
        [natural(values) for values in sums],
        entry["image"],
    )
