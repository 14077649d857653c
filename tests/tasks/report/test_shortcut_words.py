import pytest

from tasks.report.shortcut_words import MOST, VERDICTS, shortcut_check, shortcut_sentence
from tasks.statistics import shortcuts

ROW = {
    "column": "site",
    "verdict": "confounded",
    "cramers_v": 0.801,
    "cramers_v_shuffled": 0.05,
    "readable": 0.95,
    "readable_chance": 0.5,
    "separable": 1.0,
    "accuracy": 0.933,
    "inflation": 0.144,
    "inflation_low": 0.12,
    "loss": 0.087,
    "loss_low": 0.06,
    "worst_value": "north",
    "patterns": [3, 1],
}
GOES = "Cramer's V 0.80, shuffled at most 0.05"
READ = "95 % right within classes, 50 % by chance"
COSTS = " An unseen value costs 8.7 % of accuracy, most 'north'."


def test_every_verdict_has_its_place():
    given = {shortcuts.CONFOUNDED, shortcuts.INFLATED, shortcuts.HARMLESS, shortcuts.CLEAN, shortcuts.UNDECIDED}
    assert set(VERDICTS) == given
    assert MOST == shortcuts.ENOUGH


@pytest.mark.parametrize("verdict", ["confounded", "inflated"])
def test_a_shortcut_says_what_it_costs_and_what_to_do(verdict):
    advice = (
        "If `site` should not matter, add images until each value has the same mix of classes, or test on values that "
        "are not trained on."
    )
    assert shortcut_sentence(ROW | {"verdict": verdict}) == (
        f"Shortcut: {verdict.upper()}. `site` goes with the class ({GOES}), and the patterns show it ({READ}), "
        f"most pattern 3. The class is predicted for 93.3 %; it would be 78.9 % if they did not go together.{COSTS} "
        f"{advice}"
    )
    uncertain = shortcut_sentence(ROW | {"verdict": verdict, "inflation_low": -0.01, "loss_low": None})
    assert "93.3" not in uncertain
    assert "costs" not in uncertain


@pytest.mark.parametrize(("verdict", "passed"), [("confounded", False), ("inflated", None)])
def test_a_shortcut_is_a_warning(verdict, passed):
    check = shortcut_check(ROW | {"verdict": verdict})
    assert (check.passed, check.claim, check.pattern) == (passed, "Patterns may tell `site` instead of the class", 3)
    assert check.evidence == (
        f"`site` goes with the class ({GOES}). The class is predicted for 93.3 %; it would be 78.9 % if they did not "
        f"go together.{COSTS}"
    )


@pytest.mark.parametrize("verdict", ["separable but harmless", "clean", "cannot say"])
def test_what_is_no_shortcut_is_no_warning(verdict):
    assert shortcut_check(ROW | {"verdict": verdict}) is None


def test_what_is_no_shortcut():
    harmless = f"The patterns show `site` ({READ}), but predicting the class gains little or nothing from it ({GOES})."
    row = ROW | {"verdict": "separable but harmless"}
    assert shortcut_sentence(row) == f"Shortcut: SEPARABLE BUT HARMLESS. {harmless}{COSTS}"
    assert shortcut_sentence(row | {"loss_low": -0.01}) == f"Shortcut: SEPARABLE BUT HARMLESS. {harmless}"
    assert (
        shortcut_sentence(ROW | {"verdict": "clean"}) == f"Shortcut: CLEAN. The patterns do not show `site` ({READ})."
    )


def test_what_cannot_be_said_says_why():
    row = ROW | {"verdict": "cannot say", "readable": None, "readable_chance": None}
    assert "too few images say what the class gains (Cramer's V 0.80)" in shortcut_sentence(row)
    assert "Only 40 % of the images are in classes" in shortcut_sentence(row | {"separable": 0.4})
    assert "(Cramer's V unknown)" in shortcut_sentence(row | {"separable": 0.0, "cramers_v": None})
    assert "`site` says what the class says" in shortcut_sentence(row | {"separable": 0.0, "cramers_v": 1.0})
