"""Find the files of a WebDataset that describe images: `1.cls` and `1.json` describe those whose names begin with `1.`.

By the convention (https://github.com/webdataset/webdataset) the name of a sample ends at the first dot. Many archives
have dots in those names, as in `22.01.png` and `22.01.cls`. So the file that shares the longest name with an image
describes it. Files of a sample need not be neighbors.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from storage.errors import InputError

CLS = re.compile(r"(?i)\.(cls|class|label)(\.txt)?$")
JSON = re.compile(r"(?i)\.json$")


class Text(NamedTuple):
    """A file that may describe images: its text, or why it cannot be read."""

    name: str
    text: str | InputError

    def read(self) -> str:
        """The text.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        if isinstance(self.text, InputError):
            raise self.text
        return self.text


class Texts:
    """Files of one tar file with the same kind of ending.

    Parameters
    ----------
    ending
        Matches their ending.
    """

    def __init__(self, ending: re.Pattern[str]) -> None:
        self._ending = ending
        self._found: dict[str, Text] = {}

    def takes(self, name: str) -> bool:
        """Whether a file has such an ending."""
        return self._ending.search(name) is not None

    def add(self, text: Text) -> None:
        """Add a file; the first of several with the same key counts."""
        self._found.setdefault(self._ending.sub("", text.name), text)

    def of(self, images: Sequence[str]) -> list[Text | None]:
        """The file that describes each image, by its name; None if there is none.

        Raises
        ------
        InputError
            If two files with different texts may describe an image.
        """
        keys = [next((key for key in _beginnings(name) if key in self._found), None) for name in images]
        used = {key for key in keys if key is not None}
        spare = self._spare(used)
        return [
            self._found[key] if key is not None else _only(name, spare.get(_sample(name), ()))
            for key, name in zip(keys, images, strict=True)
        ]

    def _spare(self, used: set[str]) -> dict[str, list[Text]]:
        """Files such as 1.target.cls beside 1.jpg, by the name of their sample, if no other file of it is used."""
        taken = set(map(_sample, used))
        spare: defaultdict[str, list[Text]] = defaultdict(list)
        for key in sorted(self._found.keys() - used):
            if (sample := _sample(key)) not in taken:
                spare[sample].append(self._found[key])
        return spare


def _only(image: str, texts: Sequence[Text]) -> Text | None:
    if len({text.read() for text in texts}) > 1:
        raise InputError(
            f"{image} may be described by {texts[0].name} or by {texts[1].name}, which differ. Give the one that does "
            "the name of the image up to its last dot."
        )
    return texts[0] if texts else None


def _beginnings(name: str) -> Iterator[str]:
    """A name without what is behind its last dot, without what is behind the last but one, and so on."""
    folder = len(posixpath.dirname(name))
    end = name.rfind(".", folder)
    while end > folder:
        yield name[:end]
        end = name.rfind(".", folder, end)


def _sample(name: str) -> str:
    """A name up to its first dot."""
    folder, base = posixpath.split(name)
    return f"{folder}/{base.split('.', 1)[0]}"
