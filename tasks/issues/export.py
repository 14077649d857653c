"""Write a run's images, labels and issues for other programs: as CSV, for Hugging Face datasets, and for FiftyOne.

Formats: "Create an image dataset" of the documentation of Hugging Face datasets (ImageFolder with metadata.jsonl), and
FiftyOneImageClassificationDataset of the user guide of FiftyOne (labels.json, and data.json with the paths).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from storage.errors import InputError
from storage.formats.open import address_of, list_source
from storage.formats.places import FILES, Places
from storage.runs.run import Run
from storage.settings import Settings
from storage.tables.spreadsheet import write_rows
from tasks.issues.fixed import Image, link_folders

ISSUE = ("kind", "severity", "suggestion", "evidence")  # columns of the most severe issue of an image
COLUMNS = ("key", "path", "split", "label", "valid", "likely_label", "label_suspicion", *ISSUE)
Record = Mapping[str, Any]


def export_run(run: Run, kind: str, target: Path) -> int:
    """Write all images of a run into a new folder, and return their number.

    Parameters
    ----------
    run
        The run; its dataset must still be there.
    kind
        csv, huggingface or fiftyone. All but csv leave out images that cannot be read.
    target
        The folder.

    Raises
    ------
    InputError
        If the folder holds something or cannot be written, or the kind needs images that are files.
    """
    format_name, records = _records(run)
    if kind != "csv":
        if format_name not in FILES:
            raise InputError(
                f"The images of {run.manifest.source} are no files ({format_name}), which {kind} needs; --to csv "
                "writes where each is."
            )
        records = [record for record in records if record["valid"]]
    try:
        if target.exists() and any(target.iterdir()):
            raise InputError(f"The folder {target} is not empty; give a new one.")
        target.mkdir(parents=True, exist_ok=True)
        WRITERS[kind](run, records, target)
    except OSError as error:
        raise InputError(f"The folder {target} cannot be written: {error.strerror}.") from None
    return len(records)


def _records(run: Run) -> tuple[str, list[Record]]:
    """Name of the dataset's format, and all images of the run, with what it found."""
    manifest = run.manifest
    settings = Settings.recorded(manifest.settings)
    found, listing = list_source(manifest.source, settings)
    places = Places(address_of(manifest.source), found.format, settings.access)
    lengths = dict(zip(*(listing.samples[name].to_pylist() for name in ("key", "length")), strict=True))
    worst: dict[int, Record] = {}
    for issue in run.tables["issues"].to_pylist() if "issues" in run.tables else ():
        worst.setdefault(issue["row"], issue)
    names = ["row", "key", "split", "class_name", "valid", "likely_class_name", "label_suspicion"]
    return found.format, [
        {
            "key": row["key"],
            "path": places.of(row["key"], lengths[row["key"]]),
            "split": row["split"],
            "label": row["class_name"],
            "valid": row["valid"],
            "likely_label": row["likely_class_name"],
            "label_suspicion": row["label_suspicion"],
            **{name: worst[row["row"]][name] if row["row"] in worst else None for name in ISSUE},
        }
        for row in run.tables["samples"].select(names).to_pylist()
        if row["key"] in lengths
    ]


def _csv(_: Run, records: Sequence[Record], target: Path) -> None:
    with (target / "samples.csv").open("wb") as file:
        write_rows(file, COLUMNS, ([_cell(record[name]) for name in COLUMNS] for record in records))


def _cell(value: str | float | bool | None) -> str | float | None:  # noqa: FBT001 - a value
    return str(value).lower() if isinstance(value, bool) else value


def _huggingface(_: Run, records: Sequence[Record], target: Path) -> None:
    """Links in class folders, and a metadata.jsonl a split, whose file_name is relative to it."""
    images = [Image(record["path"], record["label"], record["split"]) for record in records]
    links = link_folders(images, target)
    split = {image.split for image in images} != {"train"}
    lines: dict[Path, list[str]] = {}
    for record, link in zip(records, links, strict=True):
        folder = target / record["split"] if split else target
        entry = {name: value for name, value in record.items() if name not in {"path", "split", "valid"}}
        named = {"file_name": link.relative_to(folder).as_posix(), **entry}
        lines.setdefault(folder, []).append(json.dumps(named, ensure_ascii=False))
    for folder, each in lines.items():
        (folder / "metadata.jsonl").write_text("".join(f"{line}\n" for line in each), encoding="utf-8")


def _fiftyone(run: Run, records: Sequence[Record], target: Path) -> None:
    """data.json with the path of each image, and files of labels by the same ids: labels, likely labels, and issues."""
    ids = [f"{number:09d}" for number in range(len(records))]
    data = {name: record["path"] for name, record in zip(ids, records, strict=True)}
    (target / "data.json").write_text(json.dumps(data), encoding="utf-8")
    kinds = run.tables["issue_kinds"]["kind"].to_pylist() if "issue_kinds" in run.tables else []
    for name, column, classes in (
        ("labels", "label", run.manifest.classes),
        ("likely_labels", "likely_label", run.manifest.classes),
        ("issues", "kind", kinds),
    ):
        places = {label: number for number, label in enumerate(classes)}
        labels = {
            key: places[record[column]] for key, record in zip(ids, records, strict=True) if record[column] is not None
        }
        content = {"classes": list(classes), "labels": labels}
        (target / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


WRITERS: Mapping[str, Callable[[Run, Sequence[Record], Path], None]] = {
    "csv": _csv,
    "huggingface": _huggingface,
    "fiftyone": _fiftyone,
}
