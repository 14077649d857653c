"""The nightly audit of a dataset that changes from night to night."""

import json
import shutil

import pytest

from storage.errors import InputError
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from tasks.compare.audit import GateError
from tasks.compare.gates import Gate
from tasks.issues.decisions import Decision, Decisions, issues_of
from tests.datasets import smooth_images
from tests.processes import ask
from tests.runs import NIGHTLY, night
from tests.schemas import checked
from tests.tasks.inspect.planted import copy_nearly


def test_a_night_is_compared_with_the_last_of_its_source_and_kind(tmp_path):
    source, other = (smooth_images(tmp_path / name, count=10) for name in ("data", "other"))
    assert night(source, tmp_path, "one").comparison is None
    assert night(other, tmp_path, "other").before is None
    assert night(source, tmp_path, "three", wavelet="db2").before is None
    assert night(source, tmp_path, "two", centre=False).before is None
    smooth_images(source, count=10, start=10, classes=("d",))
    found = night(source, tmp_path, "zero")
    assert (found.before, found.comparison.new_classes) == ("one", ("d",))
    # What changed is told once, unless an audit holds on to a run that was good.
    assert night(source, tmp_path, "zzz").before == "zero"
    assert night(source, tmp_path, "zzzz", against="one").comparison.new_classes == ("d",)
    with pytest.raises(InputError, match=r"run three has other coefficients .* audit against a run with the same"):
        night(source, tmp_path, "never", against="three")


def test_an_audit_that_dies_before_its_comparison_is_not_taken_for_done(tmp_path, monkeypatch):
    source = smooth_images(tmp_path / "data", count=10)
    night(source, tmp_path, "a-night")
    smooth_images(source, count=10, start=10, classes=("d",))
    with monkeypatch.context() as patch:
        patch.setattr("tests.runs.audit_run", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            night(source, tmp_path, None)
    found = night(source, tmp_path, None)
    assert found.before == "a-night"
    with pytest.raises(GateError, match=r"fails the gate new_classes>0 \(it is 1\) against run a-night"):
        found.require([Gate.parse("new_classes>0")])
    assert len(Workspace(tmp_path / "workspace").runs()) == 2


def test_gates_bound_leaks_near_duplicates_and_conflicts_of_the_new_run(tmp_path):
    source = smooth_images(tmp_path / "data" / "train", count=25).parent
    smooth_images(source / "test", count=10, seed=1, start=500)
    gates = [Gate.parse(f"{name}>0") for name in ("leaked_fraction", "duplicate_fraction", "conflicts")]
    night(source, tmp_path, "one")
    night(source, tmp_path, "two").require(gates)
    copy_nearly(source, "train/a/0001.png", "test/b/near.png")
    with pytest.raises(GateError, match=r"leaked_fraction>0 \(it is 0.03226\), duplicate_fraction>0 .* conflicts>0"):
        night(source, tmp_path, "zzz").require(gates)


def shown(server, run_id, source):
    """What Prefect shows of a run: its state, and its artifacts by key."""
    flows = {"flow_runs": {"name": {"any_": [f"audit of {source}"]}}}
    found = next(run for run in ask(server, "flow_runs/filter", flows) if run["parameters"]["run_id"] == run_id)
    artifacts = ask(server, "artifacts/filter", {"flow_runs": {"id": {"any_": [found["id"]]}}})
    return found["state"], {artifact["key"]: artifact["data"] for artifact in artifacts}


def test_a_gate_fails_the_flow_when_all_is_written(tmp_path, prefect):
    from flows.audit import audit  # noqa: PLC0415 - after the server's address is set

    source, folder = smooth_images(tmp_path / "data", count=10), tmp_path / "workspace"
    gates = ("new_classes>0", "learnability_drop>0.9")
    audit(str(source), str(folder), gates, settings=NIGHTLY, run_id="first")
    state, artifacts = shown(prefect, "first", source)
    assert state["type"] == "COMPLETED"
    assert "There is no earlier run of" in artifacts["compared"]

    smooth_images(source, count=10, start=10, classes=("d",))
    with pytest.raises(GateError) as failed:
        audit(str(source), str(folder), gates, settings=NIGHTLY, run_id="second")
    state, artifacts = shown(prefect, "second", source)
    sentence = "Run second fails the gate new_classes>0 (it is 1) against run first."
    assert (state["type"], state["message"], str(failed.value)) == ("FAILED", sentence, sentence)
    assert failed.value.audit.comparison.new_classes == ("d",)
    rows = {row.pop("change"): row for row in json.loads(artifacts["compared"])}
    assert rows["new_classes"] == {"value": "1", "which": "d", "fails if": "new_classes>0", "gate": "FAILED"}
    assert rows["learnability_drop"]["gate"] == "passed"
    assert rows["largest_psi"]["gate"] == ""
    assert open_run(folder / "latest").manifest.run_id == "second"
    assert failed.value.audit.folder == Workspace(folder).run("second").tables


@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize(
    ("given", "message"),
    [({"fail_if": ("nonsense>0",)}, "'nonsense>0' is not a gate"), ({"against": "none"}, "has no run none")],
)
def test_wrong_gates_and_runs_are_refused_before_anything_is_computed(tmp_path, given, message):
    from flows.audit import audit  # noqa: PLC0415

    with pytest.raises(InputError, match=message):
        audit(str(smooth_images(tmp_path / "data")), str(tmp_path / "workspace"), settings=NIGHTLY, **given)
    assert not (tmp_path / "workspace").exists()


@pytest.mark.slow
def test_the_command_prints_what_changed_and_fails_by_its_gate(tmp_path, eigenwave):
    source = smooth_images(tmp_path / "data", count=20)
    words = ("audit", source, "--rank", 3, "--cluster", "inline", "--no-scales")
    done = eigenwave(*words, "--run-id", "one")
    assert done.returncode == 0, done.stderr
    assert "There is no earlier run of this source to compare with." in done.stdout
    shutil.rmtree(source / "c")
    done = eigenwave(
        *words, "--run-id", "two", "--fail-if", "vanished_classes>0", "--fail-if", "new_classes>0", "--json"
    )
    assert done.returncode == 1
    change = checked("audit", done.stdout)["change"]
    assert change["vanished_classes"] == ["c"]
    assert [gate["passed"] for gate in change["gates"]] == [False, True]
    assert done.stderr.endswith("eigenwave: Run two fails the gate vanished_classes>0 (it is 1) against run one.\n")
    assert "Traceback" not in done.stderr
    refused = eigenwave(*words, "--fail-if", "bogus>0")
    assert refused.returncode == 2
    assert refused.stderr.startswith("eigenwave: 'bogus>0' is not a gate")


def test_a_night_alarms_only_on_issues_that_are_new_and_undecided(tmp_path):
    source, gates = smooth_images(tmp_path / "data", count=20), [Gate.parse("new_issues>0")]
    night(source, tmp_path, "one")
    shutil.copy(source / "a" / "0011.png", source / "b" / "copy.png")
    found = night(source, tmp_path, "two")
    run = open_run(tmp_path / "workspace" / "runs" / "two")
    kinds = run.tables["issues"]["kind"].to_pylist()
    assert found.comparison.summary["new_issues"] == kinds.count("conflict") == 2
    with pytest.raises(GateError, match=r"fails the gate new_issues>0 \(it is 2\) against run one"):
        found.require(gates)
    # The next night they are not new; against the first night they are, until somebody decides.
    night(source, tmp_path, "three").require(gates)
    again = night(source, tmp_path, "four", against="one")
    with pytest.raises(GateError, match="new_issues>0"):
        again.require(gates)
    path = Workspace(tmp_path / "workspace").folder / "decisions.jsonl"
    Decisions({issue: Decision("keep", "") for issue in issues_of(run, run.tables["issues"])}).write(path)
    decided = night(source, tmp_path, "five", against="one")
    decided.require(gates)
    assert decided.comparison.summary["new_issues"] == 0
    assert decided.comparison.tables["compared_runs"]["new_issues"] == [2]
