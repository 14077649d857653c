"""The numbers of the last runs of a source, beside those that the runs themselves have."""

import pyarrow as pa
import pytest

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.errors import InputError
from storage.runs.notes import AuditRecord, keep_audit
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.stores.files import write_file
from storage.tables.parquet import write_table
from storage.tables.schemas import HISTORY, TABLES
from tasks.compare.audit import audit_run, record_audit
from tasks.compare.gates import Gate
from tasks.compare.history import history_of
from tasks.run.begin import begin_run
from tasks.run.seal import seal_run
from tests.datasets import smooth_images
from tests.runs import NIGHTLY, night, replica


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A workspace with two audits, the second with a gate that it fails; the second run."""
    folder = tmp_path_factory.mktemp("history")
    source = smooth_images(folder / "data" / "train", count=40).parent
    smooth_images(source / "test", count=10, seed=1, start=500)
    night(source, folder, "one")
    smooth_images(source / "train", count=5, start=40, classes=("d",))
    workspace = Workspace(folder / "workspace")
    job = begin_run(str(source), NIGHTLY, workspace, "two")
    stages.compute(job, InlineFanout())
    record_audit(job, audit_run(job), [Gate.parse("new_classes>0"), Gate.parse("vanished_classes>0")])
    seal_run(job, {})
    return workspace, open_run(job.paths.folder)


def test_a_row_has_the_numbers_of_its_run(audited):
    workspace, run = audited
    found = history_of(workspace)
    assert found.table.schema.equals(HISTORY)
    assert (found.source, found.earlier, found.other_kinds, found.unreadable) == (run.manifest.source, 0, 0, ())
    first, second = found.table.to_pylist()
    learnability, copies = run.tables["learnability"].to_pylist()[0], run.tables["duplication"].to_pylist()[0]
    kinds = {row["kind"]: row["found"] for row in run.tables["issue_kinds"].to_pylist()}
    assert second == {
        "run_id": "two",
        "created": second["created"],
        "images": 155,
        **{name: learnability[name] for name in ("learnability_adjusted", "ci_low", "ci_high")},
        "accuracy": run.tables["held_out"].to_pylist()[1]["accuracy"],
        "wrong_labels": kinds["wrong label"],
        "leaked": copies["leaked"],
        "new_issues": run.tables["compared_runs"].to_pylist()[0]["new_issues"],
        "before": "one",
        "gates": ["new_classes>0", "vanished_classes>0"],
        "failed_gates": ["new_classes>0"],
    }
    assert second["created"].isoformat() == run.manifest.created
    assert second["accuracy"] is not None
    # There was nothing before the first, and it was no audit with gates.
    assert {name: first[name] for name in ("new_issues", "before", "gates", "failed_gates")} == dict.fromkeys(
        ("new_issues", "before", "gates", "failed_gates")
    )


def test_what_was_not_measured_is_null_and_not_zero(audited):
    workspace, run = audited
    paths = replica(run, "three", "2030-01-01T00:00:00+00:00")
    rows = run.tables["duplication"].to_pylist()[0] | {"leaked": 0, "leaked_fraction": None, "near_pairs": None}
    columns = {name: [value] for name, value in rows.items()}
    write_table(paths.table("duplication"), TABLES["duplication"], columns, {"run_id": "three"})
    for name in ("issue_kinds", "held_out", "compared_runs"):
        paths.table(name).unlink()
    row = history_of(workspace).table.to_pylist()[-1]
    for name in ("accuracy", "wrong_labels", "leaked", "new_issues", "gates", "failed_gates"):
        assert row[name] is None, name
    assert row["images"] == 155
    keep_audit(workspace, "three", AuditRecord(None, {}, {"conflicts>0": None}))
    row = history_of(workspace).table.to_pylist()[-1]
    assert (row["gates"], row["failed_gates"], row["before"]) == (["conflicts>0"], None, None)
    keep_audit(workspace, "three", AuditRecord("one", {"new_issues": 7.0, "conflicts": None}, {"conflicts>0": False}))
    row = history_of(workspace).table.to_pylist()[-1]
    assert (row["new_issues"], row["failed_gates"], row["before"]) == (7, ["conflicts>0"], "one")
    write_file(workspace.audit("three"), b"{}")
    with pytest.raises(InputError, match=r"three\.json cannot be read"):
        history_of(workspace)
    paths.manifest.unlink()
    paths.manifest_copy.unlink()
    write_file(paths.work.listing)


def test_only_runs_that_can_be_compared_are_side_by_side_by_their_time(audited):
    workspace, run = audited
    # Ids do not say in which order runs were sealed.
    for number, name in enumerate("zyx"):
        replica(run, name, f"2031-01-0{number + 1}T00:00:00+00:00", source="/elsewhere")
    damaged = replica(run, "w", "2031-01-09T00:00:00+00:00", source="/elsewhere")
    write_file(damaged.plan, b"{}")
    other = replica(run, "v", "2031-01-01T00:00:00+00:00", source="/elsewhere")
    settings = damaged.settings.read_bytes().replace(b'"haar"', b'"db2"')
    assert settings != damaged.settings.read_bytes()
    write_file(other.settings, settings)
    found = history_of(workspace, "/elsewhere", last=2)
    assert found.table["run_id"].to_pylist() == ["y", "x"]
    assert (found.earlier, found.other_kinds, found.unreadable) == (1, 1, ("w",))
    assert history_of(workspace, "/elsewhere").table.num_rows == 3
    assert pa.types.is_timestamp(found.table.schema.field("created").type)
    for source in ("/nowhere", "digits"):
        with pytest.raises(InputError, match=r"has no finished run of .*; eigenwave list shows its runs"):
            history_of(workspace, source)
    with pytest.raises(InputError, match="--last 0 is not possible"):
        history_of(workspace, last=0)
