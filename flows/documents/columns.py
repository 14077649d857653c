"""The documents of associate and explain: rows of their tables."""

from typing import Annotated, Any, Literal

from pydantic import Field

from flows.documents.entry import Document, Entry, Row
from storage.tables.schemas import ASSOCIATIONS, EXPLANATIONS

SummaryRow = Annotated[dict[str, Any], Row(ASSOCIATIONS["column_summary"])]
ValuesRow = Annotated[dict[str, Any], Row(ASSOCIATIONS["column_values"])]
AveragesRow = Annotated[dict[str, Any], Row(ASSOCIATIONS["column_averages"])]
PatternsRow = Annotated[dict[str, Any], Row(ASSOCIATIONS["column_patterns"])]
HeldOutRow = Annotated[dict[str, Any], Row(ASSOCIATIONS["column_held_out"])]
ShortcutsRow = Annotated[dict[str, Any], Row(ASSOCIATIONS["column_shortcuts"])]
LossesRow = Annotated[dict[str, Any], Row(ASSOCIATIONS["column_losses"])]
LayerRow = Annotated[dict[str, Any], Row(EXPLANATIONS["explained_layers"])]
LayerPatternRow = Annotated[dict[str, Any], Row(EXPLANATIONS["explained_patterns"])]


class Column(Entry):
    """What patterns have to do with a column. docs/data-schema.md describes its tables, `column_summary` and so on."""

    column: str
    summary: SummaryRow
    values: list[ValuesRow]
    averages: list[AveragesRow]
    patterns: list[PatternsRow]
    held_out: list[HeldOutRow]
    shortcuts: list[ShortcutsRow]
    losses: list[LossesRow]


class Associated(Document):
    """Tables on each column that was asked about."""

    command: Literal["associate"] = "associate"
    version: Literal[1] = 1
    run: Annotated[str, Field(description="Id of the run.")]
    columns: list[Column]


class Layer(Entry):
    """Tables on a layer of a network."""

    explained_layers: list[LayerRow]
    explained_patterns: list[LayerPatternRow]


class Explained(Document):
    """What each layer of a network and the patterns of a run predict of each other."""

    command: Literal["explain"] = "explain"
    version: Literal[1] = 1
    run: Annotated[str, Field(description="Id of the run.")]
    layers: list[Layer]
