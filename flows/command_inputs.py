"""The command that looks at a dataset before a run does."""

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from storage.errors import EigenwaveError
from storage.settings import Settings

Flags = Annotated[Settings | None, Parameter(name="*")]
Config = Annotated[
    Path | None, Parameter(help="TOML file with settings; flags and EIGENWAVE_... variables override it.")
]


def check(
    source: str,
    /,
    *,
    json_: Annotated[bool, Parameter(name="--json", negative="", help="Print all that was found as JSON.")] = False,
    config: Config = None,
    settings: Flags = None,
) -> None:
    """Decode every image as a run would and tell what is there and what is wrong; exit status 1 if a run would fail.

    Parameters
    ----------
    source
        As for run.
    """
    from rich.console import Console  # noqa: PLC0415

    from flows.check_summary import check_json, check_summary  # noqa: PLC0415
    from tasks.check_source import check_source  # noqa: PLC0415

    chosen = Settings.load(settings.model_dump(exclude_unset=True) if settings else {}, config)
    report = check_source(source, chosen)
    if json_:
        sys.stdout.write(json.dumps(check_json(report), indent=2) + "\n")
    else:
        Console().print(check_summary(report))
    if report.problems:
        raise EigenwaveError(f"A run on {source} would fail: {report.problems[0]}")
