"""Begin a run with the findings of the command on its dataset."""

import pytest

from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.planning import outlook as module
from tasks.run.begin import begin_run


@pytest.mark.parametrize("known", [False, True])
def test_a_dataset_that_was_looked_at_is_not_listed_again(class_folders, tmp_path, monkeypatch, known):
    outlook = module.plan_run(str(class_folders), Settings()) if known else None
    opened, list_source = [], module.list_source
    monkeypatch.setattr(module, "list_source", lambda *words: opened.append(words[0]) or list_source(*words))
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    job = begin_run(str(class_folders), Settings(), workspace, outlook=outlook)
    assert len(opened) == (0 if known else 1)
    assert job.plan.images == 24
    assert job.listed(0).num_rows == 24


def test_what_is_known_is_no_parameter_of_the_flows(class_folders):
    from flows.analysis import analysis, analysis_of  # noqa: PLC0415 - Prefect takes its time
    from flows.audit import audit, audit_of  # noqa: PLC0415

    outlook = module.plan_run(str(class_folders), Settings())
    for known, unknown in ((analysis_of(outlook), analysis), (audit_of(outlook), audit)):
        assert known.name == unknown.name
        assert known.parameters == unknown.parameters
        assert not {"outlook", "samples"} & set(known.parameters.properties)
