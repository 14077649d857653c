"""The answers that a finished run gave about columns and about layers of networks, as the report shows them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from storage.runs.workspace import Workspace
from storage.stores.store import StorePath
from storage.tables.parquet import as_today, read_table
from storage.tables.schemas import ASSOCIATIONS, EXPLANATIONS
from tasks.report.checks import Check
from tasks.report.column_words import counts, differs, predicted, sentence
from tasks.report.layer_words import layer_counts, layer_sentence
from tasks.report.shortcut_words import VERDICTS, shortcut_check, shortcut_sentence
from tasks.report.verdict import Row

PATTERNS = 6  # shown of a column or layer
SHOWN = 40  # columns, and layers, with pictures; tables list all
LEAST = 0.1  # R^2 of a pattern from a layer's features, to be shown; there is one shuffle only to compare it with


SYMBOLS = {"eta_squared": "η²", "correlation": "r"}


class Seen(NamedTuple):
    """A pattern behind a column or layer, and its numbers in words."""

    pattern: int
    words: Sequence[str]


class Answered(NamedTuple):
    """A column or a layer: its row for the table of all, what was found in sentences, and the patterns behind it.

    `check` warns of a shortcut.
    """

    name: str
    row: Row
    sentences: Sequence[str]
    patterns: Sequence[Seen]
    check: Check | None = None


class Asked(NamedTuple):
    """The columns that a run was asked about, the most serious first, and the layers by name."""

    columns: Sequence[Answered] = ()
    layers: Sequence[Answered] = ()

    @property
    def checks(self) -> list[Check]:
        """Warnings of shortcuts."""
        return [column.check for column in self.columns if column.check is not None]

    @property
    def known_layers(self) -> list[Row]:
        """Rows of the layers of which enough images have features."""
        return [layer.row for layer in self.layers if layer.row["r_squared"] is not None]


NOTHING = Asked()


def read_asked(workspace: Workspace, run_id: str) -> Asked:
    """Read what `eigenwave associate` and `eigenwave explain` kept about a run. Unfinished answers are left out.

    Raises
    ------
    EigenwaveError
        If a table is damaged.
    """
    kept = workspace.associations / run_id
    folders = [kept / name for name in kept.store.folders(kept.key)]
    columns = [_column(folder) for folder in folders if (folder / "column_summary.parquet").exists()]
    layers = [_layer(folder) for folder in folders if (folder / "explained_layers.parquet").exists()]
    return Asked(tuple(sorted(columns, key=_seriousness)), tuple(sorted(layers, key=lambda layer: layer.name)))


def _rows(folder: StorePath, name: str, schemas: Mapping[str, pa.Schema]) -> list[Row]:
    rows: list[Row] = as_today(read_table(folder / f"{name}.parquet"), schemas[name]).to_pylist()
    return rows


def _column(folder: StorePath) -> Answered:
    (row,) = _rows(folder, "column_summary", ASSOCIATIONS)
    shortcuts = _rows(folder, "column_shortcuts", ASSOCIATIONS)
    patterns = _rows(folder, "column_patterns", ASSOCIATIONS) if predicted(row) or differs(row) else []
    measure = "eta_squared" if row["kind"] == "categorical" else "correlation"
    beyond = [pattern for pattern in patterns if _beyond_shuffled(measure, pattern)]
    leading = sorted(beyond, key=lambda pattern: pattern["association_rank"])[:PATTERNS]
    verdict = shortcuts[0]["verdict"] if shortcuts else None
    return Answered(
        row["column"],
        {**row, "verdict": verdict},
        [sentence(row), *map(shortcut_sentence, shortcuts), counts(row)],
        [Seen(pattern["pattern"], _of_column(measure, pattern)) for pattern in leading],
        shortcut_check(shortcuts[0]) if shortcuts else None,
    )


def _beyond_shuffled(measure: str, pattern: Row) -> bool:
    value, most = pattern[measure], pattern[f"null_{measure}_max"]
    return value is not None and most is not None and abs(value) > most


def _of_column(measure: str, pattern: Row) -> list[str]:
    most = pattern[f"null_{measure}_max"]
    numbers = [f"{SYMBOLS[measure]} {pattern[measure]:z.2f}", f"shuffled, most {most:z.2f}"]
    return numbers if pattern["top_value"] is None else [*numbers, pattern["top_value"]]


def _layer(folder: StorePath) -> Answered:
    (row,) = _rows(folder, "explained_layers", EXPLANATIONS)
    patterns = _rows(folder, "explained_patterns", EXPLANATIONS)
    kept = [each for each in patterns if each["r_squared"] is not None and each["r_squared"] >= LEAST]
    best = sorted(kept, key=lambda pattern: -pattern["r_squared"])[:PATTERNS]
    return Answered(
        row["layer"],
        row,
        [layer_sentence(row), layer_counts(row)],
        [Seen(pattern["pattern"], _of_layer(pattern)) for pattern in best],
    )


def _of_layer(pattern: Row) -> list[str]:
    names = {"R²": "r_squared", "shuffled": "shuffled_r_squared", "control": "control_r_squared"}
    return [f"{word} {pattern[name]:z.2f}" for word, name in names.items() if pattern[name] is not None]


def _seriousness(column: Answered) -> tuple[int, float, str]:
    verdict = column.row["verdict"]
    place = len(VERDICTS) if verdict is None else VERDICTS.index(verdict)
    return place, -(column.row["learnability"] or 0.0), column.name
