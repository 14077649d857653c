"""The flow associate, at a real server."""

import pytest

from storage.errors import InputError
from storage.runs.workspace import Workspace
from tests.datasets import smooth_images
from tests.processes import ask
from tests.runs import SMALL, analyse


def test_the_flow_keeps_the_tables_and_shows_a_sentence(prefect, tmp_path):
    from flows.associate import associate  # noqa: PLC0415 - Prefect is slow to import

    run = analyse(smooth_images(tmp_path / "data", count=80), tmp_path / "workspace", run_id="one", **SMALL)
    keys = run.tables["samples"]["key"].to_pylist()
    (tmp_path / "sites.csv").write_text("key,site\n" + "".join(f"{key},{key[0]}\n" for key in keys))
    given = {"by": ("site",), "workspace": str(tmp_path / "workspace"), "table": str(tmp_path / "sites.csv")}
    folders = associate(**given)
    assert folders == [str(Workspace(given["workspace"]).association("one", "site"))]
    flows = ask(prefect, "flow_runs/filter", {"flows": {"name": {"any_": ["associate"]}}})
    assert [flow["name"] for flow in flows] == ["associate site"]
    (shown,) = ask(prefect, "artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [flows[0]["id"]]}}})
    assert "The patterns predict `site`:" in shown["data"]
    assert "240 fitted images with 3 values." in shown["data"]
    with pytest.raises(InputError, match="There is no column 'camera'; there are "):
        associate(**given | {"by": ("camera",)})
