"""Tests mirror the rooms: tests/ROOM/test_MODULE.py is about ROOM/MODULE.py. The few that have none are listed here.

A test module imports no other: what several need is in a module of its own, such as tests/runs.py.
"""

import re

import pytest

from tests.structure import ROOT, files, imports

FORMATS = "tests/storage/formats/test_formats.py"
STORES = "tests/storage/stores/test_stores.py"
ASSOCIATION = "tests/flows/test_association.py"
STAGES = "tests/flows/test_stages.py"
COLUMNS = "tests/tasks/columns/test_ask.py"
ISSUES = "tests/tasks/issues/test_tabulate.py"
REPORT = "tests/flows/test_report.py"
# Modules that are tested with others, by the test that would fail.
COVERED = {
    "tasks/transform/units.py": "tests/flows/test_groups.py",
    "storage/datasets/zarr_files.py": "tests/storage/formats/test_bad_inputs.py",
    "storage/formats/zarr_codecs.py": "tests/storage/formats/test_bad_inputs.py",
    "eigenwave/__main__.py": "tests/test_other_systems.py",
    "eigenwave/results.py": "tests/eigenwave/test_api.py",
    "tasks/children.py": "tests/flows/workers/test_client.py",
    "flows/cli/check_summary.py": "tests/flows/test_check.py",
    "flows/documents/columns.py": "tests/flows/cli/test_json.py",
    "flows/documents/dataset.py": "tests/flows/cli/test_json.py",
    "flows/documents/finite.py": "tests/flows/cli/test_terminal.py",
    "flows/documents/issues.py": "tests/flows/cli/test_json.py",
    "flows/documents/runs.py": "tests/flows/cli/test_json.py",
    "flows/documents/upkeep.py": "tests/flows/cli/test_json.py",
    "flows/cli/flags.py": "tests/flows/cli/test_command.py",
    "flows/cli/inputs.py": "tests/flows/cli/test_command.py",
    "flows/cli/plan_summary.py": "tests/flows/cli/test_command.py",
    "flows/cli/run.py": "tests/flows/cli/test_command.py",
    "flows/cli/summary.py": "tests/flows/cli/test_command.py",
    "flows/cli/upkeep.py": "tests/flows/test_upkeep.py",
    "flows/repair.py": "tests/flows/test_upkeep.py",
    "flows/tracking/artifacts.py": "tests/flows/test_analysis.py",
    "flows/tracking/cancellation.py": "tests/flows/test_in_sight.py",
    "flows/tracking/form.py": "tests/flows/test_deployments.py",
    "flows/workers/dask.py": "tests/flows/workers/test_fanout.py",
    "flows/workers/local_cluster.py": "tests/flows/workers/test_client.py",
    "flows/workers/logs.py": "tests/flows/test_in_sight.py",
    "flows/workers/open.py": "tests/flows/workers/test_fanout.py",
    "tasks/issues/bad_images.py": "tests/tasks/quality/test_tabulate.py",
    "tasks/statistics/rightness.py": "tests/tasks/statistics/test_shortcuts.py",
    "tasks/quality/columns.py": "tests/tasks/quality/test_tabulate.py",
    "tasks/quality/usual.py": "tests/tasks/quality/test_tabulate.py",
    "tasks/associate/class_patterns.py": REPORT,
    "tasks/associate/image_tables.py": ASSOCIATION,
    "tasks/associate/images.py": ASSOCIATION,
    "tasks/associate/judge.py": ASSOCIATION,
    "tasks/associate/scale_tables.py": ASSOCIATION,
    "tasks/associate/summarise.py": ASSOCIATION,
    "tasks/associate/findings.py": ASSOCIATION,
    "tasks/associate/pattern_tables.py": ASSOCIATION,
    "tasks/associate/tables.py": ASSOCIATION,
    "tasks/columns/categories.py": COLUMNS,
    "tasks/columns/category_tables.py": COLUMNS,
    "tasks/columns/images.py": COLUMNS,
    "tasks/columns/label_tables.py": "tests/tasks/columns/test_labels.py",
    "tasks/columns/target_tables.py": "tests/tasks/columns/test_numbers.py",
    "tasks/columns/targets.py": "tests/tasks/columns/test_numbers.py",
    "tasks/columns/shuffles.py": COLUMNS,
    "tasks/columns/values.py": COLUMNS,
    "tasks/compare/audit.py": "tests/flows/test_audit.py",
    "tasks/compare/runs.py": "tests/flows/test_compare.py",
    "tasks/decompose/exact_solvers.py": STAGES,
    "tasks/decompose/krylov_solver.py": STAGES,
    "tasks/decompose/passes.py": STAGES,
    "tasks/decompose/patterns.py": STAGES,
    "tasks/decompose/project.py": STAGES,
    "tasks/decompose/scales.py": "tests/tasks/svd/test_scales.py",
    "tasks/decompose/solver.py": STAGES,
    "tasks/dtypes.py": "tests/tasks/planning/test_plan.py",
    "tasks/issues/copies.py": ISSUES,
    "tasks/issues/found.py": ISSUES,
    "tasks/issues/images.py": ISSUES,
    "tasks/issues/spreadsheet.py": ISSUES,
    "tasks/issues/unreadable.py": ISSUES,
    "tasks/issues/wrong_labels.py": ISSUES,
    "tasks/planning/check.py": "tests/flows/test_check.py",
    "tasks/planning/look.py": "tests/flows/test_check.py",
    "tasks/planning/memory.py": STAGES,
    "tasks/planning/space.py": "tests/flows/test_spaces.py",
    "tasks/report/charts.py": REPORT,
    "tasks/report/drawing_files.py": "tests/tasks/report/test_drawing.py",
    "tasks/report/figures.py": REPORT,
    "tasks/report/gather.py": REPORT,
    "tasks/report/page.py": "tests/flows/test_report_in_browser.py",
    "tasks/report/picture_files.py": "tests/tasks/report/test_reconstruct.py",
    "tasks/report/rendering.py": REPORT,
    "tasks/report/thumbnails.py": REPORT,
    "tasks/run/earlier.py": STAGES,
    "tasks/run/job.py": STAGES,
    "tasks/run/reopen.py": "tests/flows/test_upkeep.py",
    "tasks/run/results.py": STAGES,
    "tasks/run/rows.py": "tests/flows/test_incremental.py",
    "tasks/run/scores.py": STAGES,
    "tasks/run/seal.py": "tests/faults/test_kill.py",
    "tasks/run/state.py": STAGES,
    "tasks/run/tables.py": ASSOCIATION,
    "tasks/statistics/class_comparison.py": "tests/tasks/statistics/test_hogsvd.py",
    "tasks/statistics/scales.py": "tests/tasks/svd/test_scales.py",
    "tasks/statistics/sums.py": "tests/tasks/statistics/test_association.py",
    "tasks/svd/products.py": "tests/tasks/svd/test_krylov.py",
    "tasks/transform/around.py": STAGES,
    "tasks/transform/images.py": "tests/tasks/transform/test_version.py",
    "tasks/transform/reuse.py": "tests/flows/test_rereading.py",
    "tasks/wavelet/identity.py": "tests/flows/test_features.py",
    "tasks/wavelet/filters.py": "tests/tasks/wavelet/test_transform.py",
    "tasks/wavelet/modulus.py": "tests/tasks/wavelet/test_space.py",
    "storage/arrays/npy.py": STORES,
    "storage/credentials.py": "tests/test_secrets.py",
    "storage/datasets/files.py": "tests/storage/datasets/test_source.py",
    "storage/errors.py": "tests/storage/formats/test_bad_inputs.py",
    "storage/formats/arrays.py": FORMATS,
    "storage/formats/cifar.py": FORMATS,
    "storage/formats/digits.py": "tests/flows/test_analysis.py",
    "storage/formats/folder.py": FORMATS,
    "storage/formats/hdf5.py": FORMATS,
    "storage/formats/idx.py": FORMATS,
    "storage/formats/keyed_table.py": "tests/storage/formats/test_predictions.py",
    "storage/formats/open.py": FORMATS,
    "storage/formats/rows.py": FORMATS,
    "storage/formats/table_files.py": "tests/storage/formats/test_arrow.py",
    "storage/formats/tf_example.py": "tests/storage/formats/test_tfrecord.py",
    "storage/formats/tar_labels.py": "tests/storage/formats/test_tar.py",
    "storage/formats/flat_split.py": "tests/storage/formats/test_label_files.py",
    "storage/formats/text_rows.py": "tests/storage/formats/test_label_files.py",
    "storage/formats/walk.py": "tests/storage/formats/test_tree.py",
    "storage/formats/zip_members.py": "tests/storage/formats/test_zip.py",
    "storage/formats/tar_cache.py": "tests/storage/datasets/test_remote_files.py",
    "storage/formats/tar_index.py": "tests/storage/datasets/test_remote_files.py",
    "storage/formats/unpickling.py": "tests/storage/formats/test_bad_inputs.py",
    "storage/formats/zarr.py": FORMATS,
    "storage/pixels/decoding.py": "tests/storage/pixels/test_isolated.py",
    "storage/pixels/layout.py": "tests/flows/test_sixteen_bits.py",
    "storage/pixels/notes.py": "tests/storage/pixels/test_jpeg_warnings.py",
    "storage/pixels/payloads.py": "tests/storage/pixels/test_jpeg.py",
    "storage/runs/garbage.py": "tests/faults/test_garbage.py",
    "storage/runs/manifest.py": "tests/storage/runs/test_earlier_runs.py",
    "storage/runs/removal.py": "tests/faults/test_removal.py",
    "storage/runs/series.py": "tests/flows/test_audit.py",
    "storage/runs/work.py": "tests/storage/runs/test_workspace.py",
    "storage/setting_groups.py": "tests/storage/test_settings.py",
    "storage/stores/checked_json.py": "tests/storage/runs/test_earlier_runs.py",
    "storage/stores/local.py": "tests/storage/stores/test_retrying.py",
    "storage/stores/objects.py": STORES,
    "storage/stores/open.py": STORES,
    "storage/stores/store.py": STORES,
    "storage/stores/zarr.py": STORES,
    "storage/tables/schemas.py": "tests/storage/tables/test_parquet.py",
}


def mirror(module):
    """Where the test of a module is looked for."""
    return module.parent / f"test_{module.name}"


def without_test(root):
    """The modules of a folder that have no test of their name."""
    modules = {path.relative_to(root) for path in files(root) if path.name != "__init__.py"}
    return {module.as_posix() for module in modules if not (root / "tests" / mirror(module)).exists()}


def test_every_module_has_a_test_of_its_name_or_says_which_covers_it():
    missing = without_test(ROOT)
    assert missing - COVERED.keys() == set(), "write tests/ROOM/test_MODULE.py"
    assert COVERED.keys() - missing == set(), "they have a test of their own, or are gone: leave them out here"


@pytest.mark.parametrize("test", sorted(set(COVERED.values())))
def test_what_covers_others_exists(test):
    assert (ROOT / test).exists()


def test_a_module_without_a_test_is_seen(tmp_path):
    for name in ("tasks/room/deep/one.py", "tasks/two.py", "tests/tasks/test_two.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert without_test(tmp_path) == {"tasks/room/deep/one.py"}


def borrowing(root):
    """The test modules of a folder that import from another."""
    found = {path.relative_to(root).as_posix(): imports(path) for path in sorted((root / "tests").rglob("*.py"))}
    return {name for name, names in found.items() if any(re.match(r"tests\..*\btest_", other) for other in names)}


def test_no_test_module_imports_another():
    assert borrowing(ROOT) == set(), "move what both need into a module of its own"


def test_a_test_module_that_imports_another_is_seen(tmp_path):
    for name, line in (("one", "from tests.runs import analyse"), ("two", "from tests.room.test_one import helper")):
        (tmp_path / "tests" / "room").mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / "room" / f"test_{name}.py").write_text(f"{line}\n")
    assert borrowing(tmp_path) == {"tests/room/test_two.py"}
