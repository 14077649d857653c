"""The commands check and plan: what a dataset holds, and what a run would cost, before the run."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flows.cli.answer import Answer
from flows.cli.flags import Config, Flags, FlagsToRead, chosen_settings
from flows.cli.terminal import display
from storage.errors import EigenwaveError, InputError
from storage.settings import Settings

if TYPE_CHECKING:
    from tasks.planning.outlook import Estimate

LARGEST = 1e15  # for --images, --image-size and --classes alike


def check(
    source: str,
    /,
    *,
    csv: Path | None = None,
    config: Config = None,
    settings: FlagsToRead = None,
) -> Answer:
    """Decode every image as a run would and report contents and problems; exit status 1 if a run would fail.

    Parameters
    ----------
    source
        The dataset, as for eigenwave run.
    csv
        Write every bad image, every repeated image and every finding to this CSV file.
    """
    from flows.cli.check_summary import check_json, check_summary, write_check_csv  # noqa: PLC0415
    from flows.documents.dataset import Checked  # noqa: PLC0415
    from tasks.planning.check import check_source  # noqa: PLC0415

    chosen = chosen_settings(settings, config)
    report = check_source(source, chosen)
    if csv:
        write_check_csv(report, csv)
    failures = [EigenwaveError(f"A run on {source} would fail: {problem.text}") for problem in report.problems]
    return Answer(
        lambda: Checked.model_validate(check_json(report)),
        lambda: display(check_summary(report)),
        failures[0] if failures else None,
    )


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
) -> Answer:
    """Show what a run would do and cost: shards, passes, bytes, memory, time. Computes nothing.

    Parameters
    ----------
    source
        The dataset, as for eigenwave run. Leave it out to plan for --images of --image-size.
    images
        Without a SOURCE: plan for this many images, such as 1e9.
    image_size
        Without a SOURCE: plan for images of this many pixels a side.
    channels
        Without a SOURCE: plan for images of this many channels.
    classes
        Without a SOURCE: plan for this many classes.
    """
    from flows.cli.plan_summary import estimate_summary  # noqa: PLC0415
    from flows.documents.dataset import Planned  # noqa: PLC0415

    found = estimate(source, chosen_settings(settings, config), images, image_size, channels, classes)
    return Answer(lambda: Planned.of(found), lambda: display(estimate_summary(found)))


def estimate(  # noqa: PLR0913, PLR0917 - those of plan
    source: str | None,
    settings: Settings,
    images: float | None,
    image_size: int | None,
    channels: Literal[1, 3],
    classes: int,
) -> "Estimate":
    """Estimate the cost of a run on a source, or on a dataset of given size that need not exist.

    Raises
    ------
    InputError
        If neither or both are given, or a run is not possible.
    """
    from tasks.planning.outlook import estimate_run, plan_run  # noqa: PLC0415

    if source is not None and images is None and image_size is None:
        return plan_run(source, settings)
    if source is not None or images is None or image_size is None:
        raise InputError("Give a SOURCE to plan for, or else both --images and --image-size.")
    if settings.coefficients.transform == "none":
        raise InputError(
            "--images and --image-size describe images, but --transform none takes features: give a SOURCE."
        )
    side = settings.coefficients.size or _whole("--image-size", image_size)
    return estimate_run(settings, _whole("--images", images), (side, side, channels), _whole("--classes", classes))


def _whole(name: str, number: float) -> int:
    if not (2 <= number < LARGEST and number == int(number)):  # noqa: PLR2004 - a comparison needs at least two
        raise InputError(f"{name} {number:g} is not possible: give a whole number from 2 to {LARGEST:g}.")
    return int(number)
