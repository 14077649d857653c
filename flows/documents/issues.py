"""The documents of commands about issues: issues, apply, decide and export."""

from typing import Annotated, Any, Literal

from pydantic import Field

from flows.documents.entry import Count, Document, Entry, Row
from storage.tables.schemas import TABLES

IssueRow = Annotated[dict[str, Any], Row(TABLES["issues"])]


class Opinion(Entry):
    """How the predictions of a model were weighed with the run's own judgement."""

    predicted: Annotated[Count, Field(description="Judged images that the predictions are about.")]
    unknown: Annotated[Count, Field(description="Rows of the predictions that name no image of the run.")]
    share: Annotated[float, Field(description="Weight of the run, from 0 to 1; the model has the rest.")]


class Listed(Document):
    """Issues of a run, the most severe first."""

    command: Literal["issues"] = "issues"
    version: Literal[1] = 1
    run_id: str
    source: str
    found: Annotated[dict[str, Count], Field(description="Issues of each kind in the whole run.")]
    chosen: Annotated[Count, Field(description="Issues that the filters chose; --top may list fewer.")]
    opinion: Annotated[Opinion | None, Field(description="Null without --predictions.")]
    issues: list[IssueRow]


class Applied(Document):
    """A dataset that was written by a list of issues."""

    command: Literal["apply"] = "apply"
    version: Literal[1] = 1
    to: Annotated[str, Field(description="The new folder or list.")]
    images: Annotated[Count, Field(description="Images of the new dataset.")]
    relabelled: Count
    dropped: Count
    kept: Annotated[Count, Field(description="Images that an action keeps as they are.")]
    left_out: Annotated[list[str], Field(description="Sentences on what a run does not read.")]
    next: Annotated[str, Field(description="Command that analyzes the new dataset.")]


class Decided(Document):
    """Decisions about issues that were remembered."""

    command: Literal["decide"] = "decide"
    version: Literal[1] = 1
    path: Annotated[str, Field(description="File of the decisions.")]
    decisions: Annotated[Count, Field(description="Decisions in the file.")]
    new: Annotated[int, Field(description="How many more that is than before; negative if some were taken back.")]


class Exported(Document):
    """A run that was written for another program."""

    command: Literal["export"] = "export"
    version: Literal[1] = 1
    output: str
    images: Count
