"""Parameters of the flows as fields of a form, with the descriptions that Prefect's pages show."""

from typing import Annotated

from pydantic import Field
from pydantic.fields import FieldInfo

from storage.credentials import PLAIN
from storage.settings import Settings


def _says(text: str, **more: str) -> FieldInfo:
    # Prefect reads descriptions from docstrings of another style than ours, and overrides those of pydantic.
    return Field(json_schema_extra={"description": text, **more})  # type: ignore[no-any-return]


# Prefect stores parameters, so the form must refuse an address that may contain a password.
SourceField = Annotated[
    str, _says("A folder, a file or a URL of a dataset, or the name of one, such as digits.", pattern=PLAIN)
]
WorkspaceField = Annotated[str, _says("Folder or URL (s3://, gs://, az://) for runs and shards.", pattern=PLAIN)]
SettingsField = Annotated[Settings, _says("How to analyze it.")]
RunIdField = Annotated[str | None, _says("Name of the run; by default made from the time.")]
GatesField = Annotated[
    tuple[str, ...],
    _says(
        "Fail if more changed: gates such as learnability_drop>0.01, new_issues>0 or suspect_fraction>0.02, with any "
        "column of the table compared_runs."
    ),
]
DecisionsField = Annotated[
    str | None,
    _says(
        "File of decisions about issues, which are then not new; by default decisions.jsonl in the workspace.",
        pattern=PLAIN,
    ),
]
AgainstField = Annotated[
    str,
    _says("Run to compare with: an id, a path, or latest, the last one of this source before this one.", pattern=PLAIN),
]
RunField = Annotated[str, _says("The finished run: an id, a path, or latest.", pattern=PLAIN)]
ColumnsField = Annotated[
    tuple[str, ...],
    _says(
        "Columns of the dataset, properties of its images such as mode, columns of the table below, or patterns "
        "such as finding_*. The word properties stands for all properties."
    ),
]
TableField = Annotated[
    str | None,
    _says("A table with a column key (CSV, JSON lines, Parquet, Feather), where the run can read it.", pattern=PLAIN),
]
