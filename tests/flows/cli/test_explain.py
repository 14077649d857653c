"""eigenwave explain, as a user calls it."""

import numpy as np
import pytest

from storage.runs.run import Run
from storage.runs.workspace import Workspace
from tests.datasets import smooth_images
from tests.runs import analyse
from tests.schemas import checked


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    source, settings = smooth_images(folder / "data", count=120), {"scales": False, "permutations": 1, "rank": 12}
    analyse(source, folder / "workspace", run_id="one", **settings)
    scores = np.asarray(Run(Workspace(folder / "workspace").run("one")).scores[:])
    np.save(folder / "kept.npy", (scores / scores.std(axis=0))[:, :2])
    return folder


def test_a_layer_in_words_and_as_json(folder, eigenwave):
    words = ["explain", "one", folder / "kept.npy", "--workspace", folder / "workspace"]
    shown = eigenwave(*words)
    assert shown.returncode == 0, shown.stderr
    assert "of the variance of `kept` on unseen images" in shown.stdout
    assert "..." in shown.stdout
    (layer,) = checked("explain", eigenwave(*words, "--json").stdout)["layers"]
    assert [row["r_squared"] > 0.99 for row in layer["explained_patterns"]] == [True] * 2 + [False] * 10
    assert layer["explained_layers"][0]["features"] == 2


def test_a_file_that_is_not_there_is_one_sentence(folder, eigenwave):
    done = eigenwave("explain", "one", "none.npy", "--workspace", folder / "workspace")
    assert done.returncode == 2
    assert done.stderr == "eigenwave: There is no file none.npy; pass the file of a network's features.\n"


def test_the_report_of_a_run_that_is_named_by_its_path_shows_its_answers(folder, eigenwave, tmp_path):
    """They are in the workspace of the run, not in the one that the command would otherwise use."""
    run = folder / "workspace" / "runs" / "one"
    explained = eigenwave("explain", run, folder / "kept.npy", "--workspace", tmp_path)
    assert explained.returncode == 0, explained.stderr
    done = eigenwave("report", run, "--workspace", tmp_path)
    assert done.returncode == 0, done.stderr
    html = (run / "report.html").read_text()
    assert "of the variance of <code>kept</code> on unseen images" in html
    assert list(tmp_path.iterdir()) == []
