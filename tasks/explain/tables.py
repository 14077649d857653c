"""Compare the layers of a file with the patterns of a finished run, and keep the tables beside the run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from storage.errors import InputError
from storage.formats.features import Features, Layers, read_layers, required_layers
from storage.runs.run import Run
from storage.runs.workspace import Workspace
from storage.tables.parquet import read_table, table_writer, to_table
from storage.tables.schemas import EXPLANATIONS
from tasks.columns.images import RunImages
from tasks.explain.compare import Comparison, Predictions, compare_layer

MOST_FEATURES = 4096  # whose products, of two parts, take 256 MiB; three such sums are in memory at a time
SUMMARY = "explained_layers"  # written last: a folder without it is unfinished
BY_LAYER = tuple(name for name in Comparison._fields if name not in {"patterns", "shuffled_patterns", "images"})


class Explanation(NamedTuple):
    """What the patterns and a layer of a network have to do with each other.

    Attributes
    ----------
    layer
        Name of the layer.
    tables
        Tables by name, as in `storage.tables.schemas.EXPLANATIONS`.
    """

    layer: str
    tables: Mapping[str, pa.Table]


def explain_run(
    workspace: Workspace, run: Run, features: Path | Layers, control: Path | Layers | None = None
) -> list[Explanation]:
    """Compare the layers of a network with the patterns of a run, and keep the tables in the workspace.

    Parameters
    ----------
    workspace, run
        Where to keep them, and the run.
    features
        File of features, as for `storage.formats.features.read_layers`, or features (N, d) of each layer.
    control
        The same layers of a network that did not learn, or of another one.

    Raises
    ------
    InputError
        If a file cannot be read, has too many features, or lacks a layer of the other.
    EigenwaveError
        If files of the run are missing or damaged.
    """
    keys = read_table(run.paths.table("samples"), ["key"])["key"]
    layers, unknown = _layers(features, keys)
    controls = None if control is None else _controls(layers, _layers(control, keys).layers)
    for name, values in [*layers.items(), *(controls or {}).items()]:
        if values.shape[1] > MOST_FEATURES:
            raise InputError(
                f"The layer {name} has {values.shape[1]:,} features; at most {MOST_FEATURES:,} can be compared. "
                "Project them on their principal components first."
            )
    images, found = RunImages.of(run), []
    for name, values in layers.items():
        other = None if controls is None else compare_layer(images, controls[name])
        found.append(_explanation(run, name, compare_layer(images, values), other, unknown))
        _keep(workspace, run, found[-1])
    return found


def _controls(layers: Layers, controls: Layers) -> Layers:
    """The control of each layer, by its name; files of one array each may have other names."""
    if len(layers) == len(controls) == 1:
        return dict(zip(layers, controls.values(), strict=True))
    missing = [name for name in layers if name not in controls]
    if missing:
        raise InputError(f"The control has no layer {missing[0]}; it has {', '.join(controls)}.")
    return controls


def _layers(given: Path | Layers, keys: pa.ChunkedArray) -> Features:
    return read_layers(given, keys) if isinstance(given, Path) else Features(required_layers(given, len(keys)))


def _explanation(run: Run, layer: str, found: Comparison, control: Comparison | None, unknown: int) -> Explanation:
    same = {"run_id": run.manifest.run_id, "layer": layer}
    row = {name: getattr(found, name) for name in BY_LAYER} | {"unknown_keys": unknown}
    row |= {f"control_{name}": getattr(control, name) if control else np.nan for name in ("r_squared", "alignment")}
    count = len(found.patterns)
    patterns = {
        "pattern": np.arange(count),
        "r_squared": found.patterns,
        "shuffled_r_squared": found.shuffled_patterns,
        "control_r_squared": control.patterns if control else np.full(count, np.nan),
    }
    images = _of_images(run, found.images)
    columns: dict[str, dict[str, Any]] = {
        "explained_layers": {name: [value] for name, value in (same | row).items()},
        "explained_patterns": {name: [value] * count for name, value in same.items()} | patterns,
        "explained_images": {name: [value] * len(images["row"]) for name, value in same.items()} | images,
    }
    return Explanation(layer, {name: to_table(schema, columns[name]) for name, schema in EXPLANATIONS.items()})


def _of_images(run: Run, said: Predictions | None) -> dict[str, Any]:
    """Columns of the table explained_images; no rows without a feature for each class."""
    if said is None:
        return {name: [] for name in ("row", "key", "network_class", "patterns_class", "agrees", "residual")}
    names = np.array(run.manifest.classes, object)
    return {
        "row": said.rows,
        "key": read_table(run.paths.table("samples"), ["key"])["key"].take(said.rows),
        "network_class": names[said.given],
        "patterns_class": names[said.predicted],
        "agrees": said.given == said.predicted,
        "residual": said.residuals,
    }


def _keep(workspace: Workspace, run: Run, found: Explanation) -> None:
    run_id = run.manifest.run_id
    folder = workspace.association(run_id, found.layer)
    (folder / f"{SUMMARY}.parquet").unlink()
    for name in sorted(EXPLANATIONS, key=lambda name: name == SUMMARY):
        with table_writer(folder / f"{name}.parquet", EXPLANATIONS[name], {"run_id": run_id}) as writer:
            writer.write(found.tables[name])
