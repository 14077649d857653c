"""eigenwave compare on datasets that drifted in known ways."""

import pyarrow.parquet as pq
import pytest
from PIL import Image

from storage.errors import InputError
from storage.runs.run import open_run
from tasks.compare.runs import compare_runs
from tests.flows.test_stages import smooth_images
from tests.flows.test_workspaces import analyse


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same dataset before and after a class came, an image went, one was replaced, one relabelled."""
    folder = tmp_path_factory.mktemp("compare")
    source, workspace = smooth_images(folder / "data", count=60), folder / "workspace"
    before = analyse(source, workspace, "before")
    again = analyse(source, workspace, "again")
    (source / "a" / "0000.png").unlink()
    Image.new("L", (16, 16), 200).save(source / "b" / "0001.png")
    smooth_images(source, count=40, seed=3, start=600, classes=("d",))
    after = analyse(source, workspace, "after")
    return folder, before, again, after


def test_nothing_changed(runs):
    _, before, again, _ = runs
    summary = compare_runs(before, again).summary
    assert summary["largest_angle"] < 1e-4
    assert summary["largest_psi"] == 0
    assert summary["learnability_drop"] == 0
    assert summary["learnability_drop_low"] < 0 < summary["learnability_drop_high"]
    assert summary["added_images"] == summary["removed_images"] == summary["changed_images"] == 0


def test_what_changed_is_told(runs):
    _, before, _, after = runs
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


def test_the_command_and_its_gate(runs, eigenwave):
    folder, *_ = runs
    words = ("compare", "before", "after", "--workspace", folder / "workspace")
    finished = eigenwave(*words)
    assert finished.returncode == 0, finished.stderr
    printed = " ".join(finished.stdout.split())
    assert "new_classes 1 d" in printed
    assert "added_images 40" in printed
    table = pq.read_table(folder / "workspace" / "comparisons" / "before--after" / "compared_runs.parquet")
    assert table["new_classes"].to_pylist() == [1]
    failed = eigenwave(*words, "--fail-if", "new_classes>0", "--fail-if", "vanished_classes>0")
    assert failed.returncode == 1
    assert "fails the gate new_classes>0 (it is 1) against run before." in failed.stderr
    assert eigenwave(*words, "--fail-if", "nonsense>0").returncode == 2


def test_other_kinds_of_coefficients_are_refused(runs, tmp_path):
    _, before, *_ = runs
    other = analyse(smooth_images(tmp_path / "data", shape=(8, 8), count=20), tmp_path / "workspace", "small")
    with pytest.raises(InputError, match="have different coefficients"):
        compare_runs(before, open_run(other.paths.folder))
