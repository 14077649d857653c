"""What a workspace keeps about a run, outside the run's folder: what an audit found, and the run's tags.

A finished run is sealed, so nothing is added to it later.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from storage.errors import InputError
from storage.runs.workspace import Workspace
from storage.stores.checked_json import read_checked, write_checked
from storage.stores.store import StorePath

TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class AuditRecord(NamedTuple):
    """What an audit found.

    Attributes
    ----------
    before
        Id of the run that it compared with, or None.
    summary
        Change of each quantity that gates limit, None if unknown; new issues are those that nobody decided.
    gates
        Whether the run passed each gate, by the gate's text; None if there was no run to compare with.
    """

    before: str | None
    summary: Mapping[str, float | None]
    gates: Mapping[str, bool | None]

    @property
    def failed(self) -> list[str]:
        """The gates that the run failed."""
        return [gate for gate, passed in self.gates.items() if passed is False]


def keep_audit(workspace: Workspace, run_id: str, record: AuditRecord) -> None:
    """Keep what an audit found about a run."""
    write_checked(workspace.audit(run_id), record._asdict())


def audit_of_run(workspace: Workspace, run_id: str) -> AuditRecord | None:
    """Return what an audit found about a run; None if no audit kept anything.

    Raises
    ------
    InputError
        If the record is damaged.
    """
    content = _read(workspace.audit(run_id), "Remove the file: what the audit found is then unknown.")
    return None if content is None else AuditRecord(content["before"], content["summary"], content["gates"])


def tags_of(workspace: Workspace, run_id: str) -> list[str]:
    """Return the tags of a run, sorted.

    Raises
    ------
    InputError
        If the file with the tags is damaged.
    """
    content = _read(workspace.tags(run_id), "Remove the file and tag the run again.")
    return [] if content is None else list(content["tags"])


def keep_tags(workspace: Workspace, run_id: str, tags: Collection[str]) -> None:
    """Replace the tags of a run.

    Raises
    ------
    InputError
        If a tag is not allowed.
    """
    for tag in tags:
        if not TAG.fullmatch(tag):
            raise InputError(
                f"The tag {tag!r} is not allowed: begin with a letter or a digit, and use letters, digits, dots, "
                "dashes and underscores."
            )
    path = workspace.tags(run_id)
    if tags:
        write_checked(path, {"tags": sorted(set(tags))})
    else:
        path.unlink()


def _read(path: StorePath, advice: str) -> dict[str, Any] | None:
    try:
        return read_checked(path)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{path} cannot be read: {error}. {advice}") from None
