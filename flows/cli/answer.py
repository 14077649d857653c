"""The answer of a command: a document for programs with `--json`, otherwise text for people."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.terminal import as_json as json_text
from storage.errors import EigenwaveError, InputError

if TYPE_CHECKING:
    from flows.documents.entry import Document


@dataclass(frozen=True)
class Answer:
    """What a command found. A command returns it, or yields it if it goes on afterwards, as a server does.

    Attributes
    ----------
    document
        Makes the document that `--json` prints.
    text
        Prints the same for people.
    failure
        Error that ends the command after it has answered, such as a gate that is not passed; or None.
    """

    document: "Callable[[], Document]"
    text: Callable[[], None]
    failure: EigenwaveError | None = None

    def json(self) -> str:
        """The document as text."""
        return json_text(self.document().model_dump(by_alias=True))

    def give(self, *, as_json: bool) -> None:
        """Print the answer, in one of its two forms.

        Raises
        ------
        EigenwaveError
            The failure, after the answer is printed.
        """
        if as_json:
            sys.stdout.write(self.json())
        else:
            self.text()
        sys.stdout.flush()
        if self.failure:
            raise self.failure


Answers = Answer | Iterator[Answer]


def give_all(answers: Answers | None, *, as_json: bool) -> None:
    """Print what a command returned or yields; nothing if it has no answer, as `--help`."""
    for answer in [answers] if isinstance(answers, Answer) else answers or []:
        answer.give(as_json=as_json)


def write_page(path: Path, page: str, flag: str) -> None:
    """Write a page of HTML to the file that a flag names.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        path.write_text(page, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; name another file by {flag}.") from None
