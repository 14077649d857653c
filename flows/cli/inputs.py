"""The commands that tell beforehand what a dataset holds and what a run would take."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.cli.flags import Config, Flags, chosen_settings
from storage.errors import EigenwaveError, InputError

LARGEST = 1e15  # whatever is counted


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

    from flows.cli.check_summary import check_json, check_summary  # noqa: PLC0415
    from tasks.planning.check import check_source  # noqa: PLC0415

    chosen = chosen_settings(settings, config)
    report = check_source(source, chosen)
    if json_:
        sys.stdout.write(json.dumps(check_json(report), indent=2) + "\n")
    else:
        Console().print(check_summary(report))
    if report.problems:
        raise EigenwaveError(f"A run on {source} would fail: {report.problems[0]}")


def plan(  # noqa: PLR0913 - each is a word of the command
    source: str | None = None,
    /,
    *,
    images: float | None = None,
    image_size: int | None = None,
    channels: Literal[1, 3] = 3,
    classes: int = 10,
    config: Config = None,
    settings: Flags = None,
) -> None:
    """Show what a run would do and take: shards, passes, bytes, memory, time; computes nothing.

    Parameters
    ----------
    source
        As for run; or none, and --images and --image-size.
    images
        Instead of a source: how many images there would be, such as 1e9.
    image_size
        Instead of a source: pixels of a side of the images.
    channels
        Instead of a source: of the images.
    classes
        Instead of a source: of the images.
    """
    from rich.console import Console  # noqa: PLC0415

    from flows.cli.plan_summary import estimate_summary, outlook_summary  # noqa: PLC0415
    from tasks.planning.outlook import estimate_run, plan_run  # noqa: PLC0415

    chosen = chosen_settings(settings, config)
    if (source is None) == (images is None) or (images is None) != (image_size is None):
        raise InputError("Give a SOURCE to plan for, or else both --images and --image-size.")
    if source is not None:
        Console().print(outlook_summary(plan_run(source, chosen)))
    elif images is not None and image_size is not None:
        side = chosen.coefficients.size or _whole("--image-size", image_size)
        shape = (side, side, channels)
        estimate = estimate_run(chosen, _whole("--images", images), shape, _whole("--classes", classes))
        Console().print(estimate_summary(estimate))


def _whole(name: str, number: float) -> int:
    if not (2 <= number < LARGEST and number == int(number)):  # noqa: PLR2004 - of anything, to be compared
        raise InputError(f"{name} {number:g} is not possible: give a whole number from 2 to {LARGEST:g}.")
    return int(number)
