"""The command explain: which patterns a network sees, by its features."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.cli.answer import Answer
from flows.cli.terminal import display, grid
from flows.cli.upkeep import Folder
from storage.printable import printable
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace
from tasks.report.layer_words import layer_counts, layer_sentence

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.documents.columns import Layer
    from storage.stores.store import StorePath
    from tasks.explain.tables import Explanation

PATTERNS = 5  # that a layer keeps best, and worst, in the table for people


def explain(
    run: str,
    features: Path,
    /,
    *,
    control: Annotated[
        Path | None, Parameter(help="Compare with the same layers of another network, such as one that is not trained.")
    ] = None,
    workspace: Folder = DEFAULT_WORKSPACE,
) -> Answer:
    """Compare a network's features or logits with a run's patterns: what each predicts of the other.

    Parameters
    ----------
    run
        The run: its id, its path, or latest.
    features
        A .npy array (images, features), a .npz file of several, or a table with a column key: see docs/columns.md.
    """
    from flows.documents.columns import Explained  # noqa: PLC0415 - each command imports what it needs
    from storage.runs.run import Run  # noqa: PLC0415
    from tasks.explain.tables import explain_run  # noqa: PLC0415

    space = Workspace(workspace).home(run)
    opened = Run(space.find(run))
    found = explain_run(space, opened, features, control)
    run_id = opened.manifest.run_id

    def text() -> None:
        display(Text(printable(f"\n{run_id}  {opened.manifest.source}", keep="\n"), style="bold"))
        for each in found:
            display(layer_summary(each, space.association(run_id, each.layer)))

    return Answer(lambda: Explained(run=run_id, layers=[_layer(each) for each in found]), text)


def _layer(found: "Explanation") -> "Layer":
    from flows.documents.columns import Layer  # noqa: PLC0415

    return Layer.model_validate({name: found.tables[name].to_pylist() for name in Layer.model_fields})


def layer_summary(found: "Explanation", folder: "StorePath | None" = None) -> "RenderableType":
    """A sentence about a layer, and the patterns that it keeps best and worst."""
    row = found.tables["explained_layers"].to_pylist()[0]
    parts: list[RenderableType] = [Text(), Text(printable(layer_sentence(row)), style="bold")]
    parts.append(Text(printable(layer_counts(row))))
    if row["r_squared"] is not None:
        parts += [Text(), _patterns(found)]
    if folder is not None:
        parts.append(Text(f"\n{folder}", overflow="fold"))
    return Group(*parts)


def _patterns(found: "Explanation") -> Table:
    """The patterns whose scores the layer predicts best, and worst."""
    rows = sorted(found.tables["explained_patterns"].to_pylist(), key=lambda row: -(row["r_squared"] or 0.0))
    control = any(row["control_r_squared"] is not None for row in rows)
    table = grid("\npattern", "R² from\nthe layer", "\nshuffled", *(["\ncontrol"] if control else []))
    names = ("r_squared", "shuffled_r_squared", *(["control_r_squared"] if control else []))
    few = rows if len(rows) <= 2 * PATTERNS else [*rows[:PATTERNS], None, *rows[-PATTERNS:]]
    for row in few:
        cells = ("...",) if row is None else (str(row["pattern"]), *(_three(row[name]) for name in names))
        table.add_row(*cells)
    return table


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:z.3f}"
