"""Artifacts of a run in Prefect: a link, tables, and text with pictures."""

import base64
from collections.abc import Mapping, Sequence

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from flows.tracking.server import show
from storage.printable import printable


def show_dashboard(address: str | None) -> None:
    """Show a link to Dask's dashboard, if there is one."""
    if address:
        show(
            lambda: create_link_artifact(
                address, link_text="Dask dashboard", key="dask-dashboard", description="Watch the workers."
            )
        )


def show_facts(stage: str, facts: Mapping[str, str]) -> None:
    """Show a table of what a stage did."""
    rows = [{"fact": name, stage: value} for name, value in facts.items()]
    show_rows(f"{stage}-facts", f"What the stage *{stage}* did", rows)


def show_rows(key: str, description: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Show a table, unless it is empty. Each column needs a name, or Prefect does not show it."""
    if rows:
        table = [{printable(name): printable(value) for name, value in row.items()} for row in rows]
        show(lambda: create_table_artifact(table, key=key.replace(" ", "-"), description=description))


def show_text(key: str, text: str, pictures: Mapping[str, bytes] | None = None) -> None:
    """Show Markdown text, and below it PNG pictures with captions; the pictures are embedded in the text."""
    text = printable(text, keep="\n")
    drawn = [
        f"{caption}\n\n![{caption}](data:image/png;base64,{base64.b64encode(content).decode()})"
        for caption, content in (pictures or {}).items()
        if content
    ]
    show(lambda: create_markdown_artifact("\n\n".join([text, *drawn]), key=key))
