"""The matrix of sentences: what a whole run says of datasets whose truth is known.

A line of the matrix begins with the mark that the report gives it: "+" passed, "i" informs or could not be made, "!"
failed. It is part of exactly one check's claim. "=" is the whole headline, "x" a part of the message of a refused run.
"never" lists words that no headline, sentence, claim or message may hold.
"""

from functools import cache
from typing import NamedTuple

import pytest

from tests import simulator
from tests.sentences import (
    ABOVE_SHUFFLES,
    ALIKE,
    ALL_COPIES,
    BACK,
    BY_SPREAD,
    CLASSIFIED,
    NO_SHORTCUT,
    NOISE,
    NOT_ABOVE_SHUFFLES,
    NOT_BACK,
    NOT_CLASSIFIED,
    NOT_POSSIBLE,
    NOTHING,
    REPEATED,
    SHIFT,
    SHORTCUT,
    TOO_FEW_UNSEEN,
    say,
)


class Truth(NamedTuple):
    """What a run must say of a dataset, and what it must not say."""

    says: tuple[str, ...]
    never: tuple[str, ...] = ()

    @property
    def lines(self):
        return [*self.says, *(f"- {text}" for text in self.never)]


LEARNED = (f"+ {ABOVE_SHUFFLES}", f"+ {CLASSIFIED}", f"+ {BACK}", f"+ {NOISE}")
RANDOM = (f"= {NOTHING}", f"! {NOT_ABOVE_SHUFFLES}", f"! {NOT_CLASSIFIED}", f"! {NOT_BACK}")
LEARNABLE = ("learnable",)
CLEAN = (f"+ {NO_SHORTCUT}",)

MATRIX = {
    "noise": Truth(RANDOM, (*LEARNABLE, SHORTCUT, NOISE)),
    "planted": Truth(("= The classes are strongly learnable.", *LEARNED, *CLEAN), (SHORTCUT, SHIFT)),
    "planted_weakly": Truth(
        ("= The classes are clearly learnable.", f"+ {ABOVE_SHUFFLES}", f"+ {CLASSIFIED}", f"+ {NOISE}", *CLEAN)
    ),
    # Two classes of the same size that differ in their means only have the same second moments.
    "two_classes": Truth(
        (
            "= The classes are strongly learnable.",
            *(line for line in LEARNED if BACK not in line),
            f"i {NOT_BACK}",
            *CLEAN,
        ),
        (SHORTCUT, SHIFT),
    ),
    "split": Truth(("= The classes are strongly learnable.", *LEARNED, f"+ {ALIKE}", *CLEAN), (SHORTCUT, SHIFT)),
    "shifted": Truth(("= The classes are strongly learnable.", f"+ {ABOVE_SHUFFLES}", f"i {SHIFT}"), (ALIKE,)),
    "scenes": Truth(RANDOM, LEARNABLE),
    "copies": Truth((f"= {NOTHING}", f"! {REPEATED}"), (*LEARNABLE, CLASSIFIED)),
    "pixel": Truth((f"+ {ABOVE_SHUFFLES}", f"+ {CLASSIFIED}", f"i {SHORTCUT}"), (NO_SHORTCUT,)),
    "column": Truth((f"+ {ABOVE_SHUFFLES}", f"+ {CLASSIFIED}", f"i {SHORTCUT}"), (NO_SHORTCUT,)),
    "border": Truth((f"+ {ABOVE_SHUFFLES}", f"+ {CLASSIFIED}", f"i {SHORTCUT}"), (NO_SHORTCUT,)),
    "spreads": Truth((f"= {BY_SPREAD}", f"+ {BACK}"), LEARNABLE),
    "direction": Truth((f"= {BY_SPREAD}", f"+ {BACK}"), (*LEARNABLE, NOTHING)),
    "tails": Truth((f"= {NOTHING}", f"! {NOT_ABOVE_SHUFFLES}", f"! {NOT_CLASSIFIED}"), LEARNABLE),
    "rare": Truth((f"+ {ABOVE_SHUFFLES}", f"+ {CLASSIFIED}"), (NOTHING,)),
    "long_tail": Truth((f"+ {ABOVE_SHUFFLES}", f"i {TOO_FEW_UNSEEN}"), (NOTHING, NOT_CLASSIFIED)),
    "many_classes": Truth(
        ("= The classes are strongly learnable.", f"+ {ABOVE_SHUFFLES}", f"i {ALL_COPIES}"), (NOTHING, NOT_CLASSIFIED)
    ),
    "handfuls": Truth((f"= {NOTHING}", f"! {NOT_ABOVE_SHUFFLES}", f"! {NOT_CLASSIFIED}"), LEARNABLE),
    "one_image_a_class": Truth((f"x {NOT_POSSIBLE}",), (*LEARNABLE, NOTHING, CLASSIFIED, BACK)),
    "digits": Truth(("= The classes are strongly learnable.", *LEARNED, *CLEAN), (SHORTCUT,)),
}
MADE = {
    "planted": lambda: simulator.planted(1),
    "planted_weakly": lambda: simulator.planted(1, effect=0.3, n=900),
    "two_classes": lambda: simulator.planted(1, classes=2),
    "split": lambda: simulator.planted(1, n=900, split=True),
    "pixel": lambda: simulator.marked(1),
    "column": lambda: simulator.marked(1, simulator.COLUMN, 10),
    "border": lambda: simulator.marked(1, simulator.BORDER, 6),
    "long_tail": lambda: simulator.rare(1, (1000, 10, 1)),
    "many_classes": lambda: simulator.separated(1),
    "one_image_a_class": lambda: simulator.handfuls(1, classes=60, images=1),
} | {
    kind.__name__: lambda kind=kind: kind(1)
    for kind in (
        *(simulator.noise, simulator.scenes, simulator.copies, simulator.shifted, simulator.spreads),
        *(simulator.direction, simulator.tails, simulator.rare, simulator.handfuls),
    )
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """A function that gives what a run says of a dataset; each is run once."""

    @cache
    def of(name):
        folder = tmp_path_factory.mktemp(name)
        made = MADE[name]() if name in MADE else None
        source, settings = (made.write(folder / "data"), made.settings) if made else ("digits", {})
        return say(source, folder / "workspace", **simulator.RUN | settings)

    return of


LINES = [(name, line) for name, truth in MATRIX.items() for line in truth.lines]


@pytest.mark.parametrize(("name", "line"), LINES, ids=[f"{name}: {line}" for name, line in LINES])
def test_a_run_says_what_is_true(said, name, line):
    found = said(name)
    assert found.holds(line), found
