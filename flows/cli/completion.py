"""The command completion: a script by which a shell completes commands and options."""

from typing import Literal

from flows.cli.answer import Answer
from flows.cli.terminal import say


def completion(shell: Literal["bash", "zsh", "fish"], /) -> Answer:
    """Print a script with which your shell completes commands, options and their values.

    Parameters
    ----------
    shell
        Your shell.
    """
    from flows.cli.command import app  # noqa: PLC0415 - it names this module
    from flows.documents.upkeep import Completion  # noqa: PLC0415

    script = app.generate_completion(shell=shell)
    return Answer(lambda: Completion(shell=shell, script=script), lambda: _print(script))


def _print(script: str) -> None:
    for line in script.splitlines():
        say(line)
