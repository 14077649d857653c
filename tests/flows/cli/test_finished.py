"""Commands about finished runs, as a user calls them."""

import pytest

from tests.datasets import smooth_images
from tests.runs import SMALL, analyse


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return analyse(smooth_images(folder / "data", count=20), folder / "workspace", report=True, run_id="one", **SMALL)


def test_a_report_for_others_leaves_the_run_as_it_is(run, eigenwave, tmp_path):
    home, before = str(run.paths.folder).removesuffix("/runs/one"), run.paths.report.read_bytes()
    target = tmp_path / "for others.html"
    done = eigenwave("report", "one", "--workspace", home, "--share", target, "--no-thumbnails")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == str(target)
    assert home not in target.read_text()
    assert home.removesuffix("/workspace").encode() in before
    assert run.paths.report.read_bytes() == before


def test_copies_that_cannot_be_are_refused(run, eigenwave, tmp_path):
    home = str(run.paths.folder).removesuffix("/runs/one")
    done = eigenwave("report", "one", "--workspace", home, "--share", tmp_path / "none" / "page.html")
    assert done.returncode == 2
    assert "page.html cannot be written: No such file or directory; name another file by --share." in done.stderr
    done = eigenwave("report", "one", "--workspace", home, "--no-thumbnails")
    assert done.returncode == 2
    assert "--no-thumbnails is about the copy that --share FILE writes" in done.stderr
