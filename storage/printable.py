"""Text from a dataset as people may see it: names must not steer a terminal, nor look like other names."""

import unicodedata

# Control characters, invisible and bidirectional format characters, surrogates (bytes that are not UTF-8 in a file's
# name), and what separates lines and paragraphs.
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str, keep: str = "") -> str:
    r"""A text with all characters that a reader could not see, or a terminal would obey, written as in Python.

    Parameters
    ----------
    text
        Any text, such as the name of a class.
    keep
        Characters to leave as they are, such as a newline in a text of several lines.

    Returns
    -------
    str
        The same text; with, for example, the four characters \x1b in place of the escape character.
    """
    if text.isprintable():
        return text
    return "".join(
        _escaped(letter) if unicodedata.category(letter) in HIDDEN and letter not in keep else letter for letter in text
    )


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()
