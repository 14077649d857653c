"""eigenwave compare on datasets that drifted in known ways."""

import pyarrow.parquet as pq
import pytest

from storage.errors import InputError
from storage.runs.run import open_run
from tasks.compare.runs import compare_runs
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse


def test_nothing_changed(drifting):
    _, before, again, _ = drifting
    summary = compare_runs(before, again).summary
    assert summary["largest_angle"] < 1e-4
    assert summary["largest_psi"] == 0
    assert summary["learnability_drop"] == 0
    assert summary["learnability_drop_low"] < 0 < summary["learnability_drop_high"]
    assert summary["added_images"] == summary["removed_images"] == summary["changed_images"] == 0


def test_what_changed_is_told(drifting):
    _, before, _, after = drifting
    comparison = compare_runs(before, after)
    assert comparison.new_classes == ("d",)
    assert comparison.vanished_classes == ()
    changes = dict(zip(*(column.to_pylist() for column in comparison.tables["compared_images"].values()), strict=True))
    assert {key: change for key, change in changes.items() if not key.startswith("d/")} == {
        "a/0000.png": "removed",
        "b/0001.png": "changed",
    }
    assert comparison.summary["added_images"] == 40
    assert comparison.summary["largest_psi"] > 0.01
    table = comparison.tables["compared_patterns"]
    eta = before.tables["patterns"]["eta_squared"].to_pylist()
    assert table["eta_squared_before"].tolist() == pytest.approx(eta, rel=1e-5)
    adjusted = [run.tables["learnability"]["learnability_adjusted"][0].as_py() for run in (before, after)]
    drop, low, high = (comparison.summary[f"learnability_drop{end}"] for end in ("", "_low", "_high"))
    assert drop == adjusted[0] - adjusted[1]
    assert low < drop < high
    assert compare_runs(after, before).vanished_classes == ("d",)


def test_the_command_and_its_gate(drifting, eigenwave):
    workspace, *_ = drifting
    words = ("compare", "run-2", "run-3", "--workspace", workspace.address)
    finished = eigenwave(*words)
    assert finished.returncode == 0, finished.stderr
    printed = " ".join(finished.stdout.split())
    assert "new_classes 1 d" in printed
    assert "added_images 40 d/0600.png, d/0601.png, d/0602.png and others" in printed
    table = pq.read_table(f"{workspace.address}/comparisons/run-2--run-3/compared_runs.parquet")
    assert table["new_classes"].to_pylist() == [1]
    failed = eigenwave(*words, "--fail-if", "new_classes>0", "--fail-if", "vanished_classes>0")
    assert failed.returncode == 1
    assert "fails the gate new_classes>0 (it is 1) against run run-2." in failed.stderr
    assert eigenwave(*words, "--fail-if", "nonsense>0").returncode == 2


def test_other_kinds_of_coefficients_are_refused(drifting, tmp_path):
    _, before, *_ = drifting
    other = analyse(smooth_images(tmp_path / "data", shape=(8, 8), count=20), tmp_path / "workspace", **SMALL)
    with pytest.raises(InputError, match="have different coefficients"):
        compare_runs(before, open_run(other.paths.folder))
