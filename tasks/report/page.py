"""The report of a run: one HTML file that works offline, and figures for papers."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import PurePath
from typing import Any

from bokeh.embed import json_item
from bokeh.plotting import figure
from bokeh.resources import Resources

from storage.formats.places import FILES
from storage.runs.manifest import write_manifest
from storage.runs.run import Run
from storage.runs.workspace import RunPaths, Workspace
from storage.setting_groups import Access, Coefficients, Execution
from storage.stores.files import digest_of, write_file
from storage.stores.store import StorePath
from tasks.report.asked import NOTHING, Asked, read_asked
from tasks.report.asked import SHOWN as SHOWN_ASKED
from tasks.report.charts import (
    plot_drift,
    plot_label_noise,
    plot_layers,
    plot_learning_curve,
    plot_map,
    plot_scales,
    plot_spectrum,
)
from tasks.report.encode import fitting_rows, fitting_uris, small_uri
from tasks.report.figures import draw_figures
from tasks.report.gather import Report, gather_report
from tasks.report.learning import more_images
from tasks.report.listed import COLUMNS as LISTED_COLUMNS
from tasks.report.pairs import SIDES
from tasks.report.quality_words import SHOWN
from tasks.report.rendering import environment, source_of
from tasks.report.scale_bars import scale_bars
from tasks.report.sharing import for_others
from tasks.report.verdict import percent

STEPS = 3  # of writing a report: its content, the page, the figures
# Cards shown before the reader asks for all.
SHOWN_CLASSES = 20
SHOWN_PATTERNS = 27
SHOWN_SUSPECTS = 30
COLUMNS = (
    ("pattern", "pattern", ""),
    ("energy", "energy_share", "percent"),
    ("up to it", "cumulative_energy", "percent"),
    ("η²", "eta_squared", "number"),
    ("shuffled, most", "null_eta_squared_max", "number"),
    ("q", "q_value", "number"),
    ("information", "mutual_information", "number"),
    ("class", "top_class", ""),
    ("residual", "residual", "number"),
)
DRIFT_COLUMNS = (
    ("pattern", "pattern", ""),
    ("η² before", "eta_squared_before", "number"),
    ("η² now", "eta_squared_after", "number"),
    ("change", "eta_squared_change", "number"),
    ("from", "change_low", "number"),
    ("to", "change_high", "number"),
    ("stability index", "psi", "number"),
)
ASKED_COLUMNS = (
    ("column", "column", ""),
    ("kind", "kind", ""),
    ("shortcut?", "verdict", ""),
    ("learnability", "learnability", "percent"),
    ("shuffled, most", "learnability_shuffled_max", "percent"),
    ("unseen", "held_out", "number"),
    ("by chance", "chance", "number"),
    ("shuffled", "held_out_shuffled", "number"),
)
LAYER_COLUMNS = (
    ("layer", "layer", ""),
    ("features", "features", ""),
    ("R²", "r_squared", "number"),
    ("shuffled", "shuffled_r_squared", "number"),
    ("control", "control_r_squared", "number"),
    ("alignment", "alignment", "number"),
    ("shuffled", "shuffled_alignment", "number"),
    ("agreement", "agreement", "percent"),
    ("by chance", "agreement_by_chance", "percent"),
)


def write_report(run: Run, advance: Callable[[], None] = lambda: None, asked: Asked = NOTHING) -> list[StorePath]:
    """Write report.html and its figures. For the same run, they have the same bytes.

    Parameters
    ----------
    run
        The run.
    advance
        Called after each of the `STEPS`.
    asked
        What the run was asked about since it was sealed.

    Returns
    -------
    list[StorePath]
        Paths of the written files.
    """
    report = gather_report(run, asked)
    advance()
    write_file(run.paths.report, render(report).encode("utf-8", "replace"))
    advance()
    figures = draw_figures(report)
    advance()
    return [run.paths.report, *figures]


def shared_page(workspace: Workspace, paths: RunPaths, *, thumbnails: bool = True) -> str:
    """Return the report of a run for others, as HTML; see `tasks.report.sharing`.

    Raises
    ------
    EigenwaveError
        If a table of the run is damaged.
    """
    report = gather_report(Run(paths), read_asked(workspace, paths.run_id))
    return render(for_others(report, thumbnails=thumbnails))


def render(report: Report) -> str:
    """Render the report as HTML."""
    run = report.run
    plots = {"map": plot_map(run), "spectrum": plot_spectrum(run), "noise": plot_label_noise(run)}
    if report.scales:
        plots["scales"] = plot_scales(run)
    if report.learning:
        plots["learning"] = plot_learning_curve(report.learning)
    if report.drift:
        plots["drift"] = plot_drift(run)
    if report.asked.known_layers:
        plots["layers"] = plot_layers(report.asked.known_layers)
    by_angle = sorted(report.classes, key=lambda entry: -(entry.angle or 0.0))
    of_patterns = [entry.picture for entry in report.patterns if entry.picture is not None]
    of_classes = {entry.class_id: entry.pictures[0] for entry in report.classes if entry.pictures}
    uris = fitting_uris([*of_patterns, *of_classes.values()])
    shown = _shown(report)
    scripts = [*_bokeh(), source_of("report.js")]
    return (
        environment()
        .get_template("report.html")
        .render(
            report=report,
            manifest=run.manifest,
            title=PurePath(report.source).name,
            pattern_uris=uris[: len(of_patterns)],
            class_uris=dict(zip(of_classes, uris[len(of_patterns) :], strict=True)),
            shown_rows=shown,
            ranked_classes=by_angle if len(by_angle) > SHOWN_CLASSES else report.classes,
            ranked_patterns=sorted(report.patterns, key=lambda entry: -(entry.row["eta_squared"] or 0.0)),
            shown_classes=SHOWN_CLASSES,
            shown_patterns=SHOWN_PATTERNS,
            shown_suspects=SHOWN_SUSPECTS,
            shown_of_a_kind=SHOWN,
            settings=_settings(report),
            scale_bars=scale_bars(report.scales),
            columns=COLUMNS,
            drift_columns=DRIFT_COLUMNS,
            asked_columns=ASKED_COLUMNS,
            layer_columns=LAYER_COLUMNS,
            shown_asked=SHOWN_ASKED,
            map_text=_map_text(report),
            noise_text=_noise_text(report),
            judged_by=_judged_by(report),
            more_images=more_images(report.learning),
            psnr=_psnr(report),
            scripts=scripts,
            policy=_policy(scripts),
            plots=_json({name: _item(plot) for name, plot in plots.items()}),
            data=_json(_data(report, shown)),
        )
    )


def _shown(report: Report) -> list[int]:
    """Choose the rows of the images on the page."""
    sizes = {row: len(thumbnail.image) for row, thumbnail in report.thumbnails.items()}
    listed = [row["row"] for row in [*report.suspects, *(row for entry in report.quality for row in entry.worst)]]
    listed += [row["similar_row"] for row in report.suspects if row.get("similar_row") is not None]
    listed += [row for entry in report.classes for other in entry.mixed_up for row in other.rows]
    listed += [pair[side] for pairs in report.pairs.values() for pair in pairs for side in SIDES]
    return fitting_rows((entry.exemplars for entry in report.patterns), sizes, listed)


def _data(report: Report, shown: Iterable[int]) -> dict[str, Any]:
    """Return the data of the page's script, without pictures that are already on the page."""
    return {
        "names": report.names,
        "pictured": report.pictured,
        "classes": [
            entry._asdict() | {"pictures": [small_uri(pixels) for pixels in entry.pictures[1:]]}
            for entry in report.classes
        ],
        "patterns": [entry._asdict() | {"picture": None} for entry in report.patterns],
        "thumbnails": {
            row: (base64.b64encode(image).decode(), key, class_id, path)
            for row in shown
            for image, key, class_id, path in [report.thumbnails[row]]
        },
        "listed": report.listed,
        "columns": LISTED_COLUMNS,
        "files": report.run.manifest.source_format in FILES,
    }


def _json(content: Any) -> str:  # noqa: ANN401 - anything JSON can hold
    """Encode JSON that is safe inside HTML."""
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")


def _item(plot: figure) -> Any:  # noqa: ANN401 - JSON
    """Encode a chart as JSON, with its models numbered from the start, since Bokeh counts on from chart to chart."""
    item = json_item(plot)
    numbers: dict[str, str] = {}

    def renumbered(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            return {
                name: numbers.setdefault(part, f"m{len(numbers)}") if name in {"id", "root_id"} else renumbered(part)
                for name, part in value.items()
            }
        return [renumbered(part) for part in value] if isinstance(value, list | tuple) else value

    return {"doc": renumbered(item["doc"]), "root_id": numbers[item["root_id"]], "version": item["version"]}


@cache
def _bokeh() -> list[str]:
    """Return Bokeh's scripts, which become part of the page."""
    return re.findall(r"<script>(.*?)</script>", Resources(mode="inline", components=["bokeh"]).render_js(), re.DOTALL)


def _policy(scripts: Iterable[str]) -> str:
    """Let the page run its own scripts, and neither load nor send anything.

    Bokeh makes functions of text that the page holds, for which it needs unsafe-eval.
    """
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    own = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {own} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _settings(report: Report) -> dict[str, Any]:
    """The settings that the page names.

    A page on features has none that only images have, and one for others none that say where things are.
    """
    settings, left_out = report.run.manifest.settings, set[str]()
    if not report.pictured:
        left_out |= {*Coefficients.model_fields, "scales"} - {"transform", "dtype"}
    if report.shared:
        left_out |= {*Access.model_fields, *Execution.model_fields}
    return {name: value for name, value in settings.items() if name not in left_out}


def _map_text(report: Report) -> str:
    """Name the class with the largest effect on each of the first patterns."""
    leading = [(entry.row["pattern"], *entry.classes[0][:2]) for entry in report.patterns[:5] if entry.classes]
    return " ".join(f"On pattern {j}, {report.names[c]} stands out most, d {d:.2f}." for j, c, d in leading)


def _noise_text(report: Report) -> str:
    return ", ".join(
        f"{percent(row['measured'])} at {percent(row['fraction'])} replaced"
        for row in report.noise
        if row["measured"] is not None
    )


def _judged_by(report: Report) -> str:
    """Say by which patterns labels were judged."""
    manifest = report.run.manifest
    patterns = manifest.plan.get("judging_rank") or 0
    if not patterns:
        return f"judged by these {report.learnability['rank']} patterns"
    space = manifest.settings.get("judge_space") or "modulus"
    return f"judged by {patterns} patterns of a {space} of each image"


def _psnr(report: Report) -> str | None:
    """Describe the quality of held-out images rebuilt from all patterns."""
    value = report.patterns[-1].row["psnr"]
    return None if value is None else f"{value:.1f} dB"


def rewrite_report(workspace: Workspace, paths: RunPaths) -> StorePath:
    """Write the report and its figures again, and update their digests in the manifest if they changed.

    The report then shows what the run was asked about since, as far as the workspace keeps it. From the same run and
    answers, the same version writes the same bytes, and then the manifest does not change. If this is interrupted,
    the manifest may name files that differ; writing the report again repairs that.
    """
    run, asked = Run(paths), read_asked(workspace, paths.run_id)
    written = {path.relative_to(paths.folder): digest_of(path) for path in write_report(run, asked=asked)}
    files = run.manifest.files | written
    if files != run.manifest.files:
        manifest = run.manifest.model_copy(update={"files": files})
        write_manifest(paths.manifest_copy, manifest)
        write_manifest(paths.manifest, manifest)
    return paths.report
