"""Write the tables `properties`, `quality` and `quality_classes`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from storage.tables.schemas import TABLES, UNLABELLED
from tasks.dtypes import Float64, Int64
from tasks.quality.by_class import ByClass
from tasks.quality.columns import Columns, image_columns, mode_names
from tasks.quality.kinds import KINDS, MEASURES
from tasks.quality.usual import Usual, deviations, find_usual
from tasks.run.job import Job
from tasks.run.tables import ResultTables
from tasks.statistics.fences import severity

KEPT = 1000  # images of each kind in the table `quality`; `quality_classes` counts all
SAMPLE = ["row", "key", "split", "class_id"]
JUDGED = ["kind", "severity", "value", "typical", "evidence"]
Row = Mapping[str, Any]


def tabulate_quality(job: Job) -> None:
    """Find the images that stand out, and write the tables.

    Features have no properties of images: there is no table `properties`, and the others have no rows.
    """
    tables = ResultTables(job)
    if not job.space.pictured:
        for name in ("quality", "quality_classes"):
            tables.write(name, {column: [] for column in TABLES[name].names if column != "run_id"})
        return
    found = Outstanding(find_usual(job), job.plan.classes)
    with tables.writer("properties") as writer:
        for shard in range(job.plan.shards):
            part, columns = job.part(shard, [*SAMPLE, "reason"]), image_columns(job, shard)
            described = {name: part[name] for name in SAMPLE} | columns | {"mode": mode_names(columns["mode"])}
            writer.write(tables.complete("properties", described))
            found.add(part, columns)
    tables.write("quality", {name: [row[name] for row in found.worst] for name in [*SAMPLE, *JUDGED]})
    tables.write("quality_classes", found.by_class())


class Outstanding:
    """The images that stand out: the number of each kind and class, and the worst of each kind.

    Parameters
    ----------
    usual
        Usual values of each measure.
    classes
        Number of classes.

    Attributes
    ----------
    worst
        Up to `KEPT` images of each kind, most severe first, each with its evidence.
    """

    def __init__(self, usual: list[Usual], classes: int) -> None:
        self.worst: list[Row] = []
        self._usual = usual
        # By class, and at the end of images without a label.
        self._images = np.zeros(classes + 1, np.int64)
        self._counts = np.zeros((len(KINDS), classes + 1), np.int64)

    def add(self, part: pa.Table, columns: Columns) -> None:
        """Add the images of a shard, with their samples and the reasons why some were rejected."""
        class_ids, places = np.asarray(part["class_id"], np.int64), len(self._images)
        place, valid = np.where(class_ids < 0, places - 1, class_ids), np.asarray(part["reason"].is_null())
        self._images += np.bincount(place[valid], minlength=places)
        found = [severity(deviation) for deviation in deviations(columns, class_ids, self._usual)]
        for number, kind in enumerate(KINDS):
            severities, measures = _of_kind(kind, found)
            self._counts[number] += np.bincount(place[valid & (severities > 0)], minlength=places)
            worst = np.argsort(-severities, kind="stable")[: min(KEPT, np.count_nonzero(severities))]
            samples = part.select(SAMPLE).take(worst).to_pylist()
            for sample, at in zip(samples, worst.tolist(), strict=True):
                evidence = self._evidence(int(measures[at]), columns, class_ids, at)
                self.worst.append({**sample, "kind": kind, "severity": float(severities[at]), **evidence})
        self.worst = _kept(self.worst)

    def _evidence(self, number: int, columns: Columns, class_ids: Int64, at: int) -> dict[str, Any]:
        """Value and typical value of an image by a measure, and the sentence of evidence."""
        measure, usual = MEASURES[number], self._usual[number]
        value, centre = float(columns[measure.column][at]), float(usual.centre(class_ids[at : at + 1])[0])
        low, median, high = (
            measure.scale.back(centre + away) for away in (usual.fences.low, usual.fences.median, usual.fences.high)
        )
        return {"value": value, "typical": median, "evidence": measure.sentence(value, low, median, high)}

    def by_class(self) -> dict[str, Any]:
        """Columns of the table `quality_classes`."""
        classes = len(self._images) - 1
        found = ByClass.of(self._counts[:, :classes], self._images[:classes])
        # Images without a label have a row only if there are any.
        rows = np.arange(classes + (self._images[classes] > 0))
        with np.errstate(invalid="ignore"):
            share = self._counts / self._images
        columns = {"count": self._counts, "share": share, "images": np.tile(self._images, (len(KINDS), 1))}
        tests = {name: getattr(found, name) for name in ("expected", "p_value", "q_value")}
        columns |= {name: np.pad(values, ((0, 0), (0, 1)), constant_values=np.nan) for name, values in tests.items()}
        return {
            "kind": np.repeat(KINDS, len(rows)).tolist(),
            "class_id": np.tile(np.where(rows < classes, rows, UNLABELLED), len(KINDS)),
            "cramers_v": np.repeat(found.cramers_v, len(rows)),
            **{name: values[:, rows].ravel() for name, values in columns.items()},
        }


def _of_kind(kind: str, found: list[Float64]) -> tuple[Float64, Int64]:
    """Severity (n,) of images for a kind, and the number of the measure that gives it."""
    numbers = np.array([number for number, measure in enumerate(MEASURES) if measure.kind == kind])
    severities = np.stack([found[number] for number in numbers])
    return severities.max(axis=0), numbers[severities.argmax(axis=0)]


def _kept(rows: list[Row]) -> list[Row]:
    """The most severe images of each kind."""
    places = dict.fromkeys(KINDS, 0)
    kept = []
    for row in sorted(rows, key=lambda row: (KINDS.index(row["kind"]), -row["severity"], row["row"])):
        places[row["kind"]] += 1
        if places[row["kind"]] <= KEPT:
            kept.append(row)
    return kept
