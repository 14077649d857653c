"""Text reads as CONTRIBUTING.md says it must: README, docs, help, messages and docstrings."""

import pytest

from flows.cli.command import COMMANDS
from flows.cli.examples import EXAMPLES
from tests.prose import (
    EASIEST,
    LONGEST,
    Text,
    everything,
    faults,
    of_markdown,
    of_python,
    reading_ease,
    sentences,
    syllables,
)
from tests.structure import ROOT

BAD = {
    "Who trusts no clock says so.": "begin with the subject",
    "What does not fit is refused.": "begin with the subject",
    "The user is told of it in one sentence.": "say who does what",
    "Correct the table and mend it.": "repair",
    "These hold nearly as much.": "name the quantity",
    "Tables are Arrow, and pandas at a word.": "say how",
    "Look whether the file is there.": "verify that",
    "It passed over three files.": "skipped",
    "The colour of the neighbouring centre is normalised.": "American spelling",
    "Images that are unlabeled stay.": "the spelling of the settings",
    " ".join(["word"] * LONGEST) + " more.": "two sentences",
}
GOOD = (
    "What may a run cost? It says so.",
    "It takes half as much memory as before.",
    "Names in code, such as `colour`, stay as they are.",
    "A clock that you do not trust is no clock. Pass `--rehash`.",
)


@pytest.mark.parametrize("text", BAD)
def test_bad_text_is_found(text):
    found = list(faults(Text("here", text)))
    assert found
    assert all(fault.startswith("here: ") for fault in found)
    assert BAD[text] in found[0]


@pytest.mark.parametrize("text", GOOD)
def test_good_text_passes(text):
    assert [fault for piece in of_markdown(text) for fault in faults(piece)] == []


def test_everything_that_people_read_passes():
    pieces = list(everything())
    assert len(pieces) > 3000
    assert [fault for piece in pieces for fault in faults(piece)] == []


def test_help_passes():
    lines = [line for _, line in COMMANDS.values()] + [what for each in EXAMPLES.values() for _, what in each]
    assert [fault for line in lines for fault in faults(Text("help", line))] == []


@pytest.mark.parametrize("page", EASIEST)
def test_the_first_pages_are_easy_to_read(page):
    assert reading_ease((ROOT / page).read_text()) >= EASIEST[page]


def test_hard_text_is_hard_to_read():
    hard = "Institutional considerations notwithstanding, comprehensive evaluation necessitates quantification."
    assert reading_ease(hard) < 0
    assert reading_ease("The cat sat on the mat. It was a fine day.") > 100


def test_code_tables_and_titles_are_no_sentences():
    tables = "# What a title says\n\n    eigenwave run digits\n\n| who | what it is |\n\n```\ncode\n```\n\n"
    page = f"{tables}**What it is.** It `is` [here](there).\n"
    pieces = list(of_markdown(page))
    assert [piece.text for piece in pieces if piece.running] == ["It CODE here."]
    assert "eigenwave" not in str(pieces)
    assert [fault for piece in pieces for fault in faults(piece)] == []


def test_messages_help_and_public_docstrings_are_read():
    source = '''
"""The module.

It is told.
"""
def public(here):
    """Do it.

    Parameters
    ----------
    colour
        The colour of it.
    """
    raise InputError(f"{here} is told " "of it.")
def _private():
    """Is told."""
x = Parameter(help="Who waits loses.")
y = "is told"
'''
    found = [fault for piece in of_python(source) for fault in faults(piece)]
    assert sorted(fault.split("'")[1] for fault in found) == ["Who waits loses.", "colour", "is told", "is told"]


def test_sentences_and_syllables():
    found = sentences('It is 3.5 % (or 4). "Yes." Next one! 200 more. No')
    assert [sentence.split()[0] for sentence in found] == ["It", '"Yes.', "Next", "200", "No"]
    words = {"cat": 1, "made": 1, "table": 2, "wanted": 2, "looked": 1, "images": 3, "a": 1, "eigenwave": 3, "boxes": 2}
    assert {word: syllables(word) for word in words} == words
