"""Say in plain words whether a column is a shortcut to the class."""

from collections.abc import Mapping
from typing import Any

from tasks.report.checks import Check
from tasks.report.verdict import percent

Row = Mapping[str, Any]

# The most serious first. What could not be judged comes before what does no harm.
VERDICTS = ("confounded", "inflated", "cannot say", "separable but harmless", "clean")
SAME = 0.99  # Cramer's V from which a column says what the class says
MOST = 0.5  # of the images: if fewer can be compared, that is why nothing can be said


def shortcut_sentence(row: Row) -> str:
    """Say what was found, from a row of the table `column_shortcuts`."""
    name, verdict = f"`{row['column']}`", row["verdict"]
    if verdict == "cannot say":
        return f"Shortcut: CANNOT SAY. {_why_not(row)}"
    read = f"{percent(row['readable'])} right within classes, {percent(row['readable_chance'])} by chance"
    if verdict == "clean":
        return f"Shortcut: CLEAN. The patterns do not show {name} ({read})."
    if verdict == "separable but harmless":
        goes = _goes(row)
        why = f"The patterns show {name} ({read}), but predicting the class gains little or nothing from it ({goes})."
        return f"Shortcut: SEPARABLE BUT HARMLESS. {why}{_loss(row)}"
    return (
        f"Shortcut: {verdict.upper()}. {name} goes with the class ({_goes(row)}), and the patterns show it ({read}), "
        f"most pattern {row['patterns'][0]}.{_inflation(row)}{_loss(row)} If {name} should not matter, add images "
        "until each value has the same mix of classes, or test on values that are not trained on."
    )


def shortcut_check(row: Row) -> Check | None:
    """Warn of a shortcut that was found, from a row of the table `column_shortcuts`; None if none was."""
    if row["verdict"] not in {"confounded", "inflated"}:
        return None
    name = f"`{row['column']}`"
    claim = f"Patterns may tell {name} instead of the class"
    return Check(
        False if row["verdict"] == "confounded" else None,
        claim,
        f"{name} goes with the class ({_goes(row)}).{_inflation(row)}{_loss(row)}",
        row["patterns"][0],
    )


def _goes(row: Row) -> str:
    return f"Cramer's V {row['cramers_v']:.2f}, shuffled at most {row['cramers_v_shuffled']:.2f}"


def _why_not(row: Row) -> str:
    goes = "unknown" if row["cramers_v"] is None else f"{row['cramers_v']:.2f}"
    if (row["separable"] or 0.0) >= MOST:
        return f"The patterns show `{row['column']}`, but too few images say what the class gains (Cramer's V {goes})."
    if (row["cramers_v"] or 0.0) > SAME:
        return (
            f"`{row['column']}` says what the class says (Cramer's V {goes}), so patterns cannot tell which they show."
        )
    return (
        f"Only {percent(row['separable'] or 0.0)} of the images are in classes that have two values of "
        f"`{row['column']}` with 10 images each (Cramer's V {goes})."
    )


def _inflation(row: Row) -> str:
    if (row["inflation_low"] or 0.0) <= 0:
        return ""
    fair = percent(row["accuracy"] - row["inflation"])
    return f" The class is predicted for {percent(row['accuracy'])}; it would be {fair} if they did not go together."


def _loss(row: Row) -> str:
    if (row["loss_low"] or 0.0) <= 0:
        return ""
    return f" An unseen value costs {percent(row['loss'])} of accuracy, most {row['worst_value']!r}."
