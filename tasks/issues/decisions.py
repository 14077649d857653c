"""What people decided about issues: a file of JSON lines that is kept across runs, and may be kept in Git.

An issue is known by the bytes of its image, its kind, the label, and the bytes of the other image. So it is the same
issue in every run, whatever the image is called; and another one once its label has changed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import InputError
from storage.runs.run import Run
from storage.runs.workspace import Workspace
from storage.stores.files import write_file
from storage.stores.open import open_path
from storage.stores.store import StorePath
from storage.tables.parquet import read_groups
from tasks.issues.actions import Action


class Issue(NamedTuple):
    """What an issue is known by.

    Attributes
    ----------
    digest
        Digest of the image, or its key if it has none.
    kind
        Kind of the issue.
    label
        Name of the class that the image is labelled with; empty without a label.
    other
        Digest of the other image; empty without one.
    """

    digest: str
    kind: str
    label: str
    other: str


class Decision(NamedTuple):
    """What was decided about an issue, and the key that its image had, for people."""

    action: str
    key: str


@dataclass(frozen=True)
class Decisions:
    """Decisions by issue."""

    by_issue: Mapping[Issue, Decision] = field(default_factory=dict)

    def __contains__(self, issue: Issue) -> bool:
        return issue in self.by_issue

    def __len__(self) -> int:
        return len(self.by_issue)

    @classmethod
    def read(cls, path: StorePath) -> "Decisions":
        """Read a file of decisions; there are none if it does not exist.

        Raises
        ------
        InputError
            If a line is no decision, or two lines decide differently about the same issue.
        """
        found: dict[Issue, Decision] = {}
        try:
            lines = path.read_bytes().decode().split("\n")  # not at other characters that end lines
        except FileNotFoundError:
            return cls()
        except UnicodeDecodeError:
            raise InputError(f"{path} is not a file of decisions: it is not UTF-8.") from None
        for number, line in enumerate(lines, 1):
            if line.strip():
                issue, decision = _parsed(line, number, path)
                if found.setdefault(issue, decision).action != decision.action:
                    raise InputError(
                        f"Line {number} of {path} decides {decision.action!r} about {decision.key}, but an earlier "
                        f"line {found[issue].action!r}; remove one of them."
                    )
        return cls(found)

    def write(self, path: StorePath) -> None:
        """Write the file: a line for each issue, in the order of what issues are known by, so that Git can merge it."""
        lines = [
            json.dumps({**issue._asdict(), **decision._asdict()}, ensure_ascii=False)
            for issue, decision in sorted(self.by_issue.items())
        ]
        write_file(path, "".join(f"{line}\n" for line in lines).encode())

    def but(self, others: Mapping[Issue, Decision]) -> "Decisions":
        """The same decisions with others, which replace earlier ones about the same issue."""
        return Decisions({**self.by_issue, **others})


def _parsed(line: str, number: int, path: StorePath) -> tuple[Issue, Decision]:
    try:
        entry = json.loads(line)
        texts = [entry[name] for name in (*Issue._fields, *Decision._fields)]
    except (ValueError, KeyError, TypeError):
        texts = [None]
    if not all(isinstance(text, str) for text in texts):
        raise InputError(
            f"Line {number} of {path} is not a decision; each line is a JSON object with the texts "
            f"{', '.join((*Issue._fields, *Decision._fields))}."
        )
    return Issue(*texts[: len(Issue._fields)]), Decision(*texts[len(Issue._fields) :])


def decisions_file(name: str | None, workspace: Workspace) -> StorePath:
    """The file of decisions: a path or URL, or decisions.jsonl in the workspace."""
    if name is None:
        return workspace.folder / "decisions.jsonl"
    folder, _, last = name.rpartition("/")
    return open_path(folder or ("/" if name.startswith("/") else ".")) / last


def decided(run: Run, actions: Iterable[Action]) -> dict[Issue, Decision]:
    """Find the issues of a run that the rows of a list act on.

    Raises
    ------
    InputError
        If a row is not an issue of the run, or two rows decide differently about the same issue.
    """
    table = run.tables["issues"]
    named = zip(*(table[name].to_pylist() for name in ("key", "kind", "other_key")), strict=True)
    places = {
        (key, kind, other or ""): issue for (key, kind, other), issue in zip(named, issues_of(run, table), strict=True)
    }
    found: dict[Issue, Decision] = {}
    for row in actions:
        issue = places.get((row.key, row.cells.get("kind", ""), row.cells.get("other_key", "")))
        if issue is None:
            raise InputError(f"{row.place} is no issue of run {run.paths.run_id}; name the run that it comes from.")
        if found.setdefault(issue, Decision(row.action, row.key)).action != row.action:
            raise InputError(
                f"{row.place} decides {row.action!r}, but another row decides {found[issue].action!r} about the same "
                "bytes; decide for one."
            )
    return found


def issues_of(run: Run, table: pa.Table) -> Iterator[Issue]:
    """Yield what each row of a run's table of issues is known by."""
    others = _digests(run, table["other_key"].drop_null().unique().to_pylist())
    columns = [table[name].to_pylist() for name in ("digest", "key", "kind", "class_name", "other_key")]
    for digest, key, kind, label, other in zip(*columns, strict=True):
        yield Issue(digest or key, kind, label or "", others.get(other, other or ""))


def _digests(run: Run, keys: Iterable[str]) -> dict[str, str]:
    """Digests of the images with these keys, read from the table samples a row group at a time."""
    wanted, found = pa.array(keys, pa.string()), dict[str, str]()
    if len(wanted):
        for group in read_groups(run.paths.table("samples"), ["key", "digest"]):
            mine = group.filter(pc.and_(pc.is_in(group["key"], value_set=wanted), pc.is_valid(group["digest"])))
            found |= dict(zip(mine["key"].to_pylist(), mine["digest"].to_pylist(), strict=True))
    return found
