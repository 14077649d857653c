"""Summaries of runs and comparisons, as tables for people."""

import shlex
from collections.abc import Iterable
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from flows.cli.terminal import grid
from storage.datasets.findings import counted
from storage.printable import printable
from storage.runs.manifest import Manifest
from storage.runs.run import Run
from storage.runs.workspace import RunPaths
from storage.stores.store import StorePath
from storage.tables.schemas import COMPARISONS
from tasks.report.drift_words import examples_of, some_names
from tasks.report.quality_words import quality_check, quality_counts
from tasks.report.verdict import SIGNIFICANT, percent, verdict

if TYPE_CHECKING:
    # At run time this would import modules that only `plan` needs.
    from tasks.compare.runs import Comparison

LEADING_PATTERNS = 10


def run_summary(run: Run) -> RenderableType:
    """Summary of a run: learnability beside chance and shuffled labels, leading patterns, files, and the verdict."""
    manifest = run.manifest
    return Group(
        Text(printable(f"\n{manifest.run_id}  {manifest.source}", keep="\n"), style="bold"),
        Text(_counts(manifest)),
        *_copies(run),
        *_learnability(run),
        _patterns(run),
        Text(),
        *_quality(run),
        Text(_short(run.paths.folder), overflow="fold"),
        _places(run.paths, pictured=run.pictured),
        Text(f"\n{verdict(manifest.learnability)}", style="bold"),
        *_next_steps(run),
    )


def _next_steps(run: Run) -> list[Text]:
    """Say what to do after a run, each with its command."""
    name = shlex.quote(_short(run.paths.folder))
    found = sum(run.tables["issue_kinds"]["found"].to_pylist()) if "issue_kinds" in run.tables else 0
    steps = {
        f"eigenwave issues {name}": f"list {counted(found, 'issue')}, the most severe first" if found else "",
        f"eigenwave open {name}": "look at all images in a browser" if run.pictured else "",
        f"eigenwave audit {shlex.quote(run.manifest.source)}": "see what changed, when the dataset has",
    }
    lines = [f"  {command}\n      {what}" for command, what in steps.items() if what]
    return [Text("\nNext:", style="bold"), *(Text(printable(line, keep="\n"), overflow="fold") for line in lines)]


def list_summary(runs: Iterable[tuple[str, Manifest | str]], latest: str | None) -> RenderableType:
    """A table for each source with one line per run, then unfinished and damaged runs. The latest run is marked.

    Parameters
    ----------
    runs
        Ids of the runs, each with its manifest or the reason why it has none.
    latest
        Id of the latest finished run, if there is one.
    """
    tables: dict[str, Table] = {}
    without = grid(Column(no_wrap=True), Column(), header=False)
    for run_id, manifest in runs:
        if isinstance(manifest, str):
            without.add_row(run_id, manifest)
            continue
        row = manifest.learnability
        tables.setdefault(manifest.source, _runs()).add_row(
            run_id,
            manifest.created[:16].replace("T", " "),
            f"{manifest.plan['images']:,}",
            _number(row["learnability"]),
            _number(row["shuffled_mean"]),
            "latest" if run_id == latest else "",
        )
    parts: list[RenderableType] = []
    for source, table in tables.items():
        parts += [Text(printable(source, keep="\n"), style="bold", overflow="fold"), table, ""]
    return Group(*(parts if without.row_count == 0 else [*parts, without]))


def _runs() -> Table:
    """An empty table of runs, narrow enough for 80 columns."""
    return grid(
        *(Column(name, no_wrap=True) for name in ("\nrun", "\nsealed (UTC)")),
        *(Column(name, justify="right", no_wrap=True) for name in ("\nimages", "learn-\nability", "\nshuffled")),
        Column(no_wrap=True),
    )


def _counts(manifest: Manifest) -> str:
    plan, row = manifest.plan, manifest.learnability
    fitted = int(row["n"] or 0) + int(row.get("repeats") or 0)  # runs of earlier versions count repeats
    rejected = f", {manifest.rejected:,} rejected (table rejects says why)" if manifest.rejected else ""
    if manifest.repeated:
        rejected += f", {manifest.repeated:,} repeated, {manifest.conflicting:,} of them under several classes"
    classes = "no labels" if row["classes"] == 1 else counted(int(row["classes"] or 0), "class")
    features = manifest.settings.get("transform") == "none"
    what = "row" if features else "image"
    shape = (
        counted(plan["width"], "feature") if features else f"{plan['width']} x {plan['height']} x {plan['channels']}"
    )
    return (
        f"{counted(plan['images'], what)} of {shape}, {fitted:,} fitted "
        f"(split {manifest.fitted_split}), {classes}{rejected}; {_found(manifest)} hold "
        f"{percent(manifest.energy)} of the energy, residual at most {manifest.residual_max:.1e} "
        f"({_decomposition(manifest)})\n"
    )


def _copies(run: Run) -> list[Text]:
    """Say how many images are copies of others; nothing for a run of an earlier version."""
    if "duplication" not in run.tables:
        return []
    row = run.tables["duplication"].to_pylist()[0]
    if row["near_pairs"] is None:
        return [Text("Near-duplicates were not looked for: there are too few images, or more than --neighbours.\n")]
    if not row["duplicates"]:
        return []
    leaked = f", {row['leaked']:,} of other splits are copies of fitted images" if row["leaked"] else ""
    conflicts = f", {counted(row['conflicts'], 'pair', 'has', 'have')} different labels" if row["conflicts"] else ""
    duplicates = counted(row["duplicates"], "image", "is a copy", "are copies")
    mirrored = "exact, near or mirrored" if row["mirrored_pairs"] else "exact or near"
    copies = f"{duplicates} of others, {mirrored} (table near_duplicates)"
    return [Text(f"{copies}{leaked}{conflicts}\n")]


def _found(manifest: Manifest) -> str:
    """Number of patterns, and of those planned if fewer stand out from rounding."""
    found, planned = manifest.learnability["rank"], manifest.plan["rank"]
    fewer = manifest.settings.get("energy") is None and isinstance(found, int) and found < planned
    patterns = counted(int(found or 0), "pattern")
    return f"{patterns} (of {planned} planned, no more stand out from rounding)" if fewer else patterns


def _decomposition(manifest: Manifest) -> str:
    passes = counted(manifest.passes, "pass")
    warm = f", started from {manifest.warm_start}" if manifest.warm_start else ""
    return f"{manifest.solver}, {passes}{warm}"


def _learnability(run: Run) -> list[RenderableType]:
    """Measures of the classes beside their controls; nothing if images have no labels."""
    if run.manifest.learnability["classes"] == 1:
        return []
    row, quadratic = run.manifest.learnability, run.tables["held_out"].to_pylist()[1]
    table = grid("", "\nlabels", "expected\nby chance", "shuffled,\nmean", "shuffled,\nmost")
    table.add_row(
        "learnability",
        *(_number(row[name]) for name in ("learnability", "expected_null", "shuffled_mean", "shuffled_max")),
    )
    if row["ci_low"] is not None:
        table.add_row("- beyond chance", _number(row["learnability_adjusted"]), "0")
        table.add_row("  95 % interval", f"{_number(row['ci_low'])} to {_number(row['ci_high'])}")
    if row["colour_learnability"] is not None:
        colour = _number(row["colour_learnability"]), "", "", _number(row["colour_shuffled_max"])
        table.add_row("- of mean color alone", *colour)
    table.add_row(
        f"patterns with q < {SIGNIFICANT}",
        "-" if row["significant_patterns"] is None else f"{row['significant_patterns']} of {row['rank']}",
        "0",
        "-" if row["shuffled_significant_mean"] is None else f"{row['shuffled_significant_mean']:.2f}",
        "-" if row["shuffled_significant_max"] is None else str(row["shuffled_significant_max"]),
    )
    if quadratic["judged"]:
        chance = quadratic.get("null_accuracy") or quadratic["chance"]  # runs of earlier versions have the latter only
        accuracies = quadratic["accuracy"], chance, quadratic["shuffled_accuracy"]
        table.add_row("held-out accuracy", *map(_number, accuracies))
        if quadratic.get("clean_judged") not in {None, quadratic["judged"]}:
            table.add_row("- without copies", _number(quadratic["clean_accuracy"]))
    return [table, Text()]


def _patterns(run: Run) -> Table:
    table = grid("\npattern", "singular\nvalue", "\nenergy", "eta\nsquared", "shuffled,\nmost", "\nq", "\nclass")
    for row in run.tables["patterns"].slice(0, LEADING_PATTERNS).to_pylist():
        table.add_row(
            str(row["pattern"]),
            f"{row['singular_value']:.4g}",
            percent(row["energy_share"]),
            _number(row["eta_squared"]),
            _number(row["null_eta_squared_max"]),
            "-" if row["q_value"] is None else f"{row['q_value']:.1e}",
            row["top_class"] or "-",
        )
    return table


def _quality(run: Run) -> list[Text]:
    """Count the images that stand out by their quality, in a line; none if there are none, or the run did not look."""
    counted = run.tables["quality_classes"].to_pylist() if "quality_classes" in run.tables else []
    counts = quality_counts(counted)
    if not counts:
        return []
    named = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
    check = quality_check(counted)
    warning = "" if check.passed else f". {check.claim}: {check.evidence}"
    return [Text(printable(f"images that stand out: {named} (table quality){warning}")), Text()]


def _places(paths: RunPaths, *, pictured: bool) -> Table:
    table = grid("", "", header=False)
    for path, what in (
        (paths.report, f"the report to read first: the verdict{', and the patterns as pictures' if pictured else ''}"),
        *([(paths.issues, "what to fix, the most severe first")] if paths.issues.exists() else []),
        (paths.tables, "patterns, class_patterns, exemplars, samples ... (Parquet)"),
        *([(paths.pattern_images, "the patterns, as images")] if pictured else []),
        (paths.scores, "how much of each pattern is in each image"),
        (paths.coefficients, "the wavelet coefficients of the images" if pictured else "the features"),
        (paths.manifest, "settings, digests, versions"),
    ):
        table.add_row(f"  {path.relative_to(paths.folder)}", what)
    return table


def _short(path: StorePath) -> str:
    return str(path).removeprefix(f"{Path.cwd()}/")


def comparison_summary(
    first: str, second: str, comparison: "Comparison", folder: StorePath | None = None
) -> RenderableType:
    """A table of what changed between two runs, and the folder of the tables if they were written."""
    found = comparison.summary
    table = grid("", "", "95 % interval")
    drop, low, high = (f"{found[f'learnability_drop{end}']:.4f}".replace("nan", "-") for end in ("", "_low", "_high"))
    table.add_row("learnability_drop", drop, f"{low} to {high}")
    for name in ("largest_angle", "largest_psi", "largest_eta_squared_drop"):
        table.add_row(name, f"{found[name]:.4f}", "")
    for kind, names in (("new", comparison.new_classes), ("vanished", comparison.vanished_classes)):
        table.add_row(f"{kind}_classes", str(len(names)), ", ".join(names[:LEADING_PATTERNS]))
    images = pa.table(comparison.tables["compared_images"], COMPARISONS["compared_images"])
    for change, examples in examples_of(images).items():
        count = found[f"{change}_images"]
        table.add_row(f"{change}_images", _count(count), printable(some_names(examples, count)))
    table.add_row(
        "suspect_fraction", _number(None if isnan(found["suspect_fraction"]) else found["suspect_fraction"]), ""
    )
    table.add_row("new_issues", _count(found["new_issues"]), "")
    for name in ("leaked_fraction", "duplicate_fraction", "conflicts"):
        value = found.get(name, float("nan"))  # not in comparisons of earlier versions
        table.add_row(name, "-" if isnan(value) else f"{value:.4g}", "")
    place = [Text(f"\n{_short(folder)}", overflow="fold")] if folder else []
    return Group(Text(f"\n{first} -> {second}", style="bold"), table, *place)


def _count(value: float) -> str:
    return "-" if isnan(value) else f"{value:,.0f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
