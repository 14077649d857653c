"""eigenwave history, as a user calls it."""

import pytest

from flows.cli.history import history_summary
from flows.cli.terminal import Terminal
from storage.runs.notes import AuditRecord, keep_audit
from storage.runs.workspace import Workspace
from tasks.compare.history import history_of
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse, replica


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of today and sixty older ones; the second of them failed a gate."""
    folder = tmp_path_factory.mktemp("history")
    made = analyse(smooth_images(folder / "data", count=20), folder / "workspace", run_id="today", **SMALL)
    for day in range(60):
        replica(made, f"r{day:02d}", f"2020-{1 + day // 28:02d}-{1 + day % 28:02d}T03:00:00+00:00")
    keep_audit(Workspace(folder / "workspace"), "r58", AuditRecord("r57", {}, {"learnability_drop>0.01": False}))
    keep_audit(Workspace(folder / "workspace"), "r59", AuditRecord("r58", {}, {"learnability_drop>0.01": True}))
    return made


def test_the_last_runs_fit_into_80_columns_with_failed_gates_marked(run, eigenwave, tmp_path):
    home = str(run.paths.folder).removesuffix("/runs/today")
    done = eigenwave(
        "history", run.manifest.source, "--workspace", home, "--html", tmp_path / "page.html", COLUMNS="80"
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert lines[-2:] == ["", str(tmp_path / "page.html")]
    rows = [line for line in lines if line.startswith("20")]
    assert len(rows) == 50
    assert [row.split()[-1] for row in rows[-3:]] == ["FAILED", "passed", "-"]
    assert "r58 failed learnability_drop>0.01" in done.stdout
    assert "11 earlier runs are left out (--last)." in done.stdout
    (marked,) = [line for line in lines[1:10] if "X" in line]
    # A column for each run: the failed one is the last but two.
    assert (len(marked.rstrip()) - marked.index("X"), marked.count("o")) == (3, 49)
    assert "learnability_drop&gt;0.01" in (tmp_path / "page.html").read_text()
    assert "✕" in (tmp_path / "page.html").read_text()


def test_a_file_that_cannot_be_written_is_one_sentence(run, eigenwave, tmp_path):
    home = str(run.paths.folder).removesuffix("/runs/today")
    refused = eigenwave("history", "--workspace", home, "--html", tmp_path / "none" / "page.html")
    assert refused.returncode == 2
    assert "page.html cannot be written: No such file or directory; name another file by --html." in refused.stderr
    assert "has no finished run" in eigenwave("history", "--workspace", tmp_path).stderr


def test_without_numbers_there_is_a_table_and_no_chart(run):
    found = history_of(Workspace(str(run.paths.folder).removesuffix("/runs/today")))
    rows = [row | {"learnability_adjusted": None, "ci_low": None, "ci_high": None} for row in found.table.to_pylist()]
    console = Terminal()
    with console.capture() as capture:
        console.print(history_summary(found._replace(table=found.table.from_pylist(rows, found.table.schema))))
    assert "95 % interval, X" not in capture.get()
    assert " - " in capture.get()
