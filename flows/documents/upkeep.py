"""The documents of commands that look after a workspace, and of completion."""

from typing import Annotated, Literal

from pydantic import Field

from flows.documents.entry import Count, Document, Entry


class Fault(Entry):
    """A file of a run that is not as it was written."""

    path: str
    problem: Literal["missing", "damaged"]


class Verified(Document):
    """Files of a run that are damaged or missing."""

    command: Literal["verify"] = "verify"
    version: Literal[1] = 1
    run_id: str
    files: Annotated[int | None, Field(description="Files that were verified; null if the manifest is damaged.")]
    faults: Annotated[list[Fault], Field(description="Empty if every file is intact.")]


class Repaired(Document):
    """Files of a run that were restored."""

    command: Literal["repair"] = "repair"
    version: Literal[1] = 1
    run_id: str
    restored: Annotated[list[Fault], Field(description="Restored files, with what was wrong with each.")]


class Unneeded(Entry):
    """A file that no run needs."""

    key: Annotated[str, Field(description="Path in the workspace.")]
    bytes: Count


class Collected(Document):
    """Files of a workspace that no run needs."""

    command: Literal["gc"] = "gc"
    version: Literal[1] = 1
    removed: Annotated[bool, Field(description="False with --dry-run.")]
    runs: Annotated[list[str], Field(description="Runs whose removal was interrupted, and is finished.")]
    files: list[Unneeded]


class Completion(Document):
    """A script by which a shell completes commands."""

    command: Literal["completion"] = "completion"
    version: Literal[1] = 1
    shell: Literal["bash", "zsh", "fish"]
    script: str


class ChosenRun(Entry):
    """A finished run, and why it is kept."""

    run_id: str
    source: str
    created: Annotated[str, Field(description="When it was sealed, in UTC.")]
    images: Count
    reasons: Annotated[list[str], Field(description="Rules and needs that keep it; empty if it is removed.")]


class Pruned(Document):
    """Runs that rules keep or remove, and files that no run needs any more."""

    command: Literal["prune"] = "prune"
    version: Literal[1] = 1
    removed: Annotated[bool, Field(description="False with --dry-run, or if you answered no.")]
    runs: list[ChosenRun]
    files: Annotated[list[Unneeded], Field(description="Files that were removed because no run needs them.")]


class Tagged(Document):
    """A run and its tags."""

    command: Literal["tag"] = "tag"
    version: Literal[1] = 1
    run_id: str
    tags: list[str]
