"""Which runs to keep: rules as Restic and Borg have them, and the runs that others need."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from storage.errors import InputError
from storage.runs.layout import Layout, read_layout
from storage.runs.notes import tags_of
from storage.runs.series import Series, series_of
from storage.runs.verify import sound_manifest
from storage.runs.workspace import RunPaths, Workspace
from storage.stores.open import open_path

RULE = re.compile(r"(last|daily|weekly|monthly|yearly)=([1-9]\d{0,5})|(tag)(?:=(.+))?|(run)=(.+)")
RULES = "last=30, daily=7, weekly=12, monthly=12, yearly=5, tag, tag=NAME or run=ID"

# What tells two periods apart, of a time in UTC. A week begins on Monday.
PERIODS: Mapping[str, Callable[[datetime], object]] = {
    "daily": datetime.date,
    "weekly": lambda time: time.isocalendar()[:2],
    "monthly": lambda time: (time.year, time.month),
    "yearly": lambda time: time.year,
}


class Sealed(NamedTuple):
    """A finished run as rules see it.

    Attributes
    ----------
    run_id, created
        Its id, and the time when it was sealed (UTC).
    images
        Number of its images.
    tags
        Its tags.
    """

    run_id: str
    created: datetime
    images: int = 0
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """Rules that keep runs. A run is kept if any rule keeps it.

    Attributes
    ----------
    counts
        Number of runs to keep by `last`, and of days, weeks, months and years to keep the last run of. Days without a
        run do not count.
    tags
        Tags whose runs are kept; an empty text stands for any tag.
    runs
        Ids of runs to keep.
    """

    counts: Mapping[str, int]
    tags: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Parse rules such as last=30,weekly=12,tag.

        Raises
        ------
        InputError
            If there is no rule, or a text is not a rule.
        """
        counts: dict[str, int] = {}
        tags, runs = set(), set()
        rules = [rule.strip() for text in texts for rule in text.split(",") if rule.strip()]
        for rule in rules:
            match = RULE.fullmatch(rule)
            if match is None:
                raise InputError(f"{rule!r} does not say what to keep; use {RULES}.")
            if match[1]:
                counts[match[1]] = max(int(match[2]), counts.get(match[1], 0))
            elif match[3]:
                tags.add(match[4] or "")
            else:
                runs.add(match[6])
        if not rules:
            raise InputError(f"Say what to keep, for example --keep last=30,weekly=12,tag; rules are {RULES}.")
        return cls(counts, frozenset(tags), frozenset(runs))

    def reasons(self, runs: Iterable[Sealed]) -> dict[str, list[str]]:
        """Return the rules that keep each run of a series, by its id; no rules if it is not kept."""
        newest_first = sorted(runs, key=lambda run: (run.created, run.run_id), reverse=True)
        found: dict[str, list[str]] = {run.run_id: [] for run in newest_first}
        for run in newest_first[: self.counts.get("last", 0)]:
            found[run.run_id].append("last")
        for name, period in PERIODS.items():
            seen: set[object] = set()
            for run in newest_first:
                if len(seen) < self.counts.get(name, 0) and period(run.created) not in seen:
                    seen.add(period(run.created))
                    found[run.run_id].append(name)
        for run in newest_first:
            found[run.run_id] += [f"tag {tag}" for tag in run.tags if self.tags & {tag, ""}]
            found[run.run_id] += ["run"] * (run.run_id in self.runs)
        return found


class Choice(NamedTuple):
    """A finished run of a workspace, and why it is kept: rules and needs. Without a reason it is removed."""

    run: Sealed
    source: str
    reasons: list[str]


def choose(workspace: Workspace, policy: Policy) -> list[Choice]:
    """Choose the finished runs to keep, in the order of their sealing. Rules count the runs of each series on its own.

    These are kept too: the newest run of each series, since the next run starts from it; runs that it or an unfinished
    run started from or is compared with; and the run that `latest` names. Unfinished runs are none of the choices.

    Raises
    ------
    InputError
        If a manifest or a file of tags cannot be read, or the policy names a run that does not exist.
    DamagedError
        If settings.json or plan.json of a run is damaged.
    """
    paths = [each for each in workspace.runs() if each.finished]
    unknown = policy.runs - {each.run_id for each in paths}
    if unknown:
        raise InputError(
            f"The workspace {workspace.folder} has no finished run {min(unknown)}; eigenwave list shows its runs."
        )
    series: dict[Series, list[Sealed]] = {}
    for each in paths:
        series.setdefault(series_of(each), []).append(_sealed(workspace, each))
    needs = _needs(workspace, series.values())
    chosen = [
        Choice(run, each.source, [*needs.get(run.run_id, []), *reasons[run.run_id]])
        for each, runs in series.items()
        for reasons in [policy.reasons(runs)]
        for run in runs
    ]
    return sorted(chosen, key=lambda choice: (choice.run.created, choice.run.run_id))


def _sealed(workspace: Workspace, paths: RunPaths) -> Sealed:
    manifest = sound_manifest(paths)
    tags = tuple(tags_of(workspace, paths.run_id))
    return Sealed(paths.run_id, datetime.fromisoformat(manifest.created), manifest.plan["images"], tags)


def _needs(workspace: Workspace, series: Iterable[list[Sealed]]) -> dict[str, list[str]]:
    """Return why runs are needed, by their ids."""
    found: dict[str, list[str]] = {}
    if (latest := workspace.latest_id()) is not None:
        found.setdefault(latest, []).append("latest")
    for runs in series:
        # The next run starts from the one with the greatest id, which is not the one sealed last if ids were chosen.
        for run_id in {max(run.run_id for run in runs), max(runs, key=lambda run: run.created).run_id}:
            found.setdefault(run_id, []).append("newest of its series")
            for before in _before(read_layout(workspace.run(run_id))):
                found.setdefault(before, []).append(f"needed by {run_id}")
    for paths in workspace.runs():
        if not paths.finished and paths.plan.exists():
            for before in _before(read_layout(paths)):
                found.setdefault(before, []).append(f"needed by {paths.run_id}, which is unfinished")
    return found


def _before(layout: Layout) -> set[str]:
    """Ids of the runs that a run starts from or is compared with."""
    folders = (layout.warm_start, layout.rows_of)
    named = {RunPaths(open_path(folder)).run_id for folder in folders if folder is not None}
    return named | ({layout.compared_with} if layout.compared_with is not None else set())
