import numpy as np
import pytest

from storage.errors import InputError
from storage.runs.workspace import Workspace
from tasks.explain import tables
from tasks.explain.tables import explain_run
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse, local


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    analyse(smooth_images(folder / "data", count=120), folder / "workspace", run_id="one", **SMALL)
    random = np.random.default_rng(0)
    layers = {name: random.standard_normal((360, width)) for name, width in (("first", 4), ("deep/last", 3))}
    np.savez(folder / "layers.npz", **layers)
    np.savez(folder / "one.npz", first=layers["first"])
    np.save(folder / "trained.npy", layers["first"])
    np.save(folder / "untrained.npy", random.standard_normal((360, 4)))
    return folder, Workspace(folder / "workspace")


def open_one(space):
    from storage.runs.run import Run  # noqa: PLC0415

    return Run(space[1].run("one"))


def test_tables_are_kept_beside_the_run_and_are_the_same_again(space):
    folder, workspace = space
    run = open_one(space)
    found = explain_run(workspace, run, folder / "layers.npz")
    assert [each.layer for each in found] == ["first", "deep/last"]
    kept = {
        path: local(path).read_bytes() for each in found for path in workspace.association("one", each.layer).files()
    }
    assert len(kept) == 6
    for each in found:
        (row,) = each.tables["explained_layers"].to_pylist()
        assert (row["layer"], row["run_id"], row["control_r_squared"]) == (each.layer, "one", None)
        assert len(each.tables["explained_patterns"]) == run.scores.shape[1]
    explain_run(workspace, run, folder / "layers.npz")
    assert {path: local(path).read_bytes() for path in kept} == kept


def test_images_are_named_by_their_keys(space):
    """The run has three classes, as the layer has features."""
    folder, workspace = space
    run = open_one(space)
    without, logits = explain_run(workspace, run, folder / "layers.npz")
    assert len(without.tables["explained_images"]) == 0
    found, samples = logits.tables["explained_images"].to_pandas(), run.tables["samples"].to_pandas()
    (row,) = logits.tables["explained_layers"].to_pylist()
    assert len(found) == row["judged"] > 0
    assert found.key.tolist() == samples.key[found.row].tolist()
    features = np.load(folder / "layers.npz")["deep/last"]
    names = np.array(run.manifest.classes)
    assert found.network_class.tolist() == names[features[found.row].argmax(axis=1)].tolist()
    assert found.agrees.tolist() == (found.network_class.astype(str) == found.patterns_class.astype(str)).tolist()
    assert found.agrees.mean() == row["agreement"]
    assert found.residual.mean() == pytest.approx(1 - row["r_squared"])


def test_a_control_is_compared_layer_by_layer(space):
    folder, workspace = space
    (found,) = explain_run(workspace, open_one(space), folder / "trained.npy", folder / "untrained.npy")
    (own,) = explain_run(workspace, open_one(space), folder / "untrained.npy")
    (row,), (other,) = (each.tables["explained_layers"].to_pylist() for each in (found, own))
    assert row["control_r_squared"] == other["r_squared"] is not None
    patterns = [each.tables["explained_patterns"] for each in (found, own)]
    assert patterns[0]["control_r_squared"].to_pylist() == patterns[1]["r_squared"].to_pylist()


def test_what_cannot_be_compared_is_refused(space, monkeypatch):
    folder, workspace = space
    with pytest.raises(InputError, match="control has no layer deep/last; it has first"):
        explain_run(workspace, open_one(space), folder / "layers.npz", folder / "one.npz")
    monkeypatch.setattr(tables, "MOST_FEATURES", 3)
    with pytest.raises(InputError, match="first has 4 features; at most 3 can be compared"):
        explain_run(workspace, open_one(space), folder / "layers.npz")
