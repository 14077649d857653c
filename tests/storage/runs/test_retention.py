"""Which runs rules keep, compared with straightforward code, and which others are needed."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import DamagedError, InputError
from storage.runs.notes import keep_tags
from storage.runs.retention import Policy, Sealed, choose
from storage.runs.workspace import Workspace
from storage.stores.files import write_file
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse, replica

START = datetime(2024, 12, 20, tzinfo=UTC)  # before a week that belongs to two years
FORMATS = {"daily": "%Y-%m-%d", "weekly": "%G-%V", "monthly": "%Y-%m", "yearly": "%Y"}


def naive(rule, count, runs):
    """Ids that a rule keeps: of the newest `count` groups of runs, the last run of each."""
    ordered = sorted(runs, key=lambda run: (run.created, run.run_id))
    if rule == "last":
        return {run.run_id for run in ordered[-count:]}
    groups = [list(group) for _, group in itertools.groupby(ordered, lambda run: run.created.strftime(FORMATS[rule]))]
    return {group[-1].run_id for group in groups[-count:]}


@given(
    hours=st.lists(st.integers(0, 24 * 800), max_size=60),
    counts=st.dictionaries(st.sampled_from(["last", *FORMATS]), st.integers(1, 9), min_size=1),
)
def test_a_run_is_kept_if_any_rule_keeps_it(hours, counts):
    runs = [Sealed(f"r{number}", START + timedelta(hours=hour)) for number, hour in enumerate(hours)]
    reasons = Policy.parse([f"{rule}={count}" for rule, count in counts.items()]).reasons(runs)
    for rule, count in counts.items():
        assert {run_id for run_id, rules in reasons.items() if rule in rules} == naive(rule, count, runs)
    assert reasons.keys() == {run.run_id for run in runs}


def test_a_week_at_the_turn_of_the_year_is_one():
    runs = [Sealed(f"r{day}", datetime(2024, 12, day, tzinfo=UTC)) for day in (29, 30, 31)]
    runs.append(Sealed("new", datetime(2025, 1, 5, tzinfo=UTC)))
    kept = {run_id for run_id, rules in Policy.parse(["weekly=9"]).reasons(runs).items() if rules}
    assert kept == {"r29", "new"}


def test_tags_and_ids_keep_their_runs():
    runs = [Sealed("a", START, tags=("good", "v1")), Sealed("b", START, tags=("v2",)), Sealed("c", START)]

    def kept(*rules):
        return {run_id for run_id, found in Policy.parse(rules).reasons(runs).items() if found}

    assert kept("tag") == {"a", "b"}
    assert kept("tag=v1, run=c") == {"a", "c"}
    assert kept("tag=v1,tag=v2") == {"a", "b"}
    assert kept("tag=none") == set()


@pytest.mark.parametrize("text", ["last", "last=0", "last=-1", "hourly=3", "tag=", "run", "all", "last=1;tag"])
def test_other_rules_are_refused(text):
    with pytest.raises(InputError, match=r"does not say what to keep; use last=30"):
        Policy.parse([text])


@pytest.mark.parametrize("texts", [[], [""], [" , "]])
def test_without_a_rule_nothing_is_chosen(texts):
    with pytest.raises(InputError, match=r"Say what to keep, for example --keep last=30"):
        Policy.parse(texts)


@pytest.fixture
def first(tmp_path):
    """A run in a workspace of its own."""
    return analyse(smooth_images(tmp_path / "data", count=10), tmp_path / "workspace", run_id="r-01", **SMALL)


def test_what_the_next_run_starts_from_is_kept_whatever_the_rules(first, tmp_path):
    workspace, home = Workspace(tmp_path / "workspace"), str(first.paths.folder).removesuffix("r-01")
    for day in range(2, 9):
        before = {"warm_start": f"{home}r-05", "rows_of": f"{home}r-06"} if day == 8 else {}
        compared = {"compared_with": "r-07"} if day == 8 else {}
        replica(first, f"r-0{day}", f"2026-01-0{day}T03:00:00+00:00", **before, **compared)
    unfinished = replica(first, "r-09", "2026-01-09T03:00:00+00:00", compared_with="r-02")
    write_file(unfinished.work.listing)
    unfinished.manifest.unlink()
    write_file(workspace.latest, b"r-03")
    keep_tags(workspace, "r-04", ["release"])
    found = choose(workspace, Policy.parse(["tag=release"]))
    # The first was sealed last, on the day of this test.
    assert [(choice.run.run_id, choice.reasons) for choice in found] == [
        ("r-02", ["needed by r-09, which is unfinished"]),
        ("r-03", ["latest"]),
        ("r-04", ["tag release"]),
        ("r-05", ["needed by r-08"]),
        ("r-06", ["needed by r-08"]),
        ("r-07", ["needed by r-08"]),
        ("r-08", ["newest of its series"]),
        ("r-01", ["newest of its series"]),
    ]
    with pytest.raises(InputError, match=r"has no finished run r-09; eigenwave list shows its runs"):
        choose(workspace, Policy.parse(["run=r-09"]))


def test_each_series_has_its_own_newest(first, tmp_path):
    replica(first, "r-02", "2020-01-01T03:00:00+00:00")
    replica(first, "r-03", "2020-01-02T03:00:00+00:00", source="/another")
    replica(first, "r-04", "2020-01-03T03:00:00+00:00", source="/another")
    found = choose(Workspace(tmp_path / "workspace"), Policy.parse(["last=1"]))
    kept = {choice.run.run_id: choice.source for choice in found if choice.reasons}
    # r-02 has the greatest id of its series, so the next run starts from it.
    assert kept == {"r-01": first.manifest.source, "r-02": first.manifest.source, "r-04": "/another"}


def test_nothing_is_chosen_while_a_manifest_cannot_be_read(first, tmp_path):
    other = replica(first, "r-02", "2026-01-02T03:00:00+00:00")
    for path in (other.manifest, other.manifest_copy):
        write_file(path, b"{}")
    workspace, policy = Workspace(tmp_path / "workspace"), Policy.parse(["last=1"])
    with pytest.raises(InputError, match=r"manifest.copy.json cannot be read"):
        choose(workspace, policy)
    write_file(other.settings, b'{"rank": "many"}')
    with pytest.raises(DamagedError, match=r"settings.json is missing or damaged; .* eigenwave repair r-02"):
        choose(workspace, policy)
