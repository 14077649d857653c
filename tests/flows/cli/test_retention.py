"""eigenwave prune and eigenwave tag, as a user calls them."""

import pytest

from storage.runs.verify import verify
from storage.runs.workspace import Workspace
from storage.stores.files import write_file
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse, replica


@pytest.fixture
def home(tmp_path):
    """A workspace with a run of today and nine older ones, a day apart."""
    run = analyse(smooth_images(tmp_path / "data", count=10), tmp_path / "workspace", run_id="run", **SMALL)
    for day in range(1, 10):
        replica(run, f"a-{day}", f"2020-01-0{day}T03:00:00+00:00")
    return tmp_path / "workspace"


def ids(home):
    return [paths.run_id for paths in Workspace(home).runs()]


def test_what_is_pruned_is_named_first_and_asked_about(home, eigenwave):
    before = ids(home)
    words = ("prune", "--keep", "last=3,tag", "--workspace", home)
    assert eigenwave("tag", "a-2", "good", "v1", "--workspace", home).stdout == "a-2: good, v1\n"
    listed = eigenwave(*words, "--dry-run", COLUMNS="80")
    assert listed.returncode == 0, listed.stderr
    assert max(map(len, listed.stdout.splitlines())) <= 80
    split = [line.split() for line in listed.stdout.splitlines()]
    lines = {words[1]: words for words in split if words[:1] in (["keep"], ["remove"])}
    assert [lines[name][0] for name in before] == [
        *("remove", "keep", *["remove"] * 5, "keep", "keep"),
        "keep",
    ]
    assert lines["a-2"][-4:] == ["tag", "good,", "tag", "v1"]
    assert listed.stdout.endswith("6 runs would be removed.\n")
    # Nobody is there to answer.
    asked = eigenwave(*words)
    listing, sentence = asked.stderr.split("eigenwave: ")
    assert (asked.returncode, asked.stdout) == (2, "")
    assert listing.count("remove ") == 6
    assert sentence == "Nothing was removed: pass --yes to remove 6 runs, or --dry-run to list them only.\n"
    assert ids(home) == before
    done = eigenwave(*words, "--yes")
    assert done.returncode == 0, done.stderr
    assert "6 runs removed, and 0 files that no run needs (0.0 MiB)." in done.stdout
    assert ids(home) == ["a-2", "a-8", "a-9", "run"]
    assert list(verify(Workspace(home), Workspace(home).find("run"))) == []
    assert eigenwave(*words, "--yes").stdout.endswith("There is no run to remove.\n")


def test_shards_that_no_run_needs_any_more_go_too(home, eigenwave):
    stray = Workspace(home).chunk("0" * 32)
    write_file(stray, b"left by a run that is gone")
    done = eigenwave("prune", "--keep", "last=1", "--yes", "--grace", "0", "--workspace", home)
    assert done.returncode == 0, done.stderr
    assert "9 runs removed, and 1 file that no run needs" in done.stdout
    assert not stray.exists()
    assert ids(home) == ["run"]


def test_nothing_is_removed_while_a_run_writes_or_without_rules(home, eigenwave):
    before = contents_of(home)
    with Workspace(home).lock():
        refused = eigenwave("prune", "--keep", "last=1", "--yes", "--workspace", home)
        assert refused.returncode == 2
        assert "is in use by process" in refused.stderr
        assert eigenwave("tag", "run", "x", "--workspace", home).returncode == 2
    for words, told in (
        ((), "Say what to keep, for example --keep last=30,weekly=12,tag"),
        (("--keep", "some"), "'some' does not say what to keep"),
        (("--keep", "run=none"), "has no finished run none"),
    ):
        refused = eigenwave("prune", *words, "--yes", "--workspace", home)
        assert (refused.returncode, told in refused.stderr, "Traceback" in refused.stderr) == (2, True, False)
    assert contents_of(home) == before


def contents_of(home):
    return {path.key: path.read_bytes() for path in Workspace(home).folder.files() if path.key != "lock"}


def test_gc_finishes_what_an_interrupted_prune_began(home, eigenwave):
    write_file(Workspace(home).removal("a-3"))
    planned = eigenwave("gc", "--dry-run", "--workspace", home)
    assert "The removal of run a-3, which was interrupted, would be finished.\n" in planned.stdout
    assert Workspace(home).run("a-3").folder.is_dir()
    assert "a-3" not in eigenwave("list", "--workspace", home).stdout
    done = eigenwave("gc", "--workspace", home)
    assert "The removal of run a-3, which was interrupted, is finished.\n" in done.stdout
    assert not Workspace(home).run("a-3").folder.is_dir()
    assert Workspace(home).removals() == []


def test_tags_are_listed_and_taken_away(home, eigenwave):
    assert eigenwave("tag", "latest", "--workspace", home).stdout == "run: no tags\n"
    assert eigenwave("tag", "latest", "b", "a", "--workspace", home).stdout == "run: a, b\n"
    assert eigenwave("tag", "run", "a", "--remove", "--workspace", home).stdout == "run: b\n"
    missing = eigenwave("tag", "run", "a", "--remove", "--workspace", home)
    assert (missing.returncode, missing.stderr) == (
        2,
        "eigenwave: Run run has no tag a; eigenwave tag run lists its tags.\n",
    )
    assert "'a b' is not allowed" in eigenwave("tag", "run", "a b", "--workspace", home).stderr
    assert "has no run none" in eigenwave("tag", "none", "a", "--workspace", home).stderr
