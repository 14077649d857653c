"""Words for the issues of a run: what there is to fix, the worst kind first."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tasks.report.verdict import Row

WRONG_LABEL = "wrong label"
PROBABLE = 0.5  # severity from which a label is called probably wrong


class Words(NamedTuple):
    """Words for a kind: what is wrong with one image and with several, what to do, and the section that shows it."""

    one: str
    many: str
    action: str
    section: str = ""


KINDS: Mapping[str, Words] = {
    "leak": Words(
        "image of another split is learned from too",
        "images of other splits are learned from too",
        "Keep copies in one split only.",
    ),
    "near leak": Words(
        "image of another split looks like one learned from",
        "images of other splits look like ones learned from",
        "Keep copies in one split only.",
    ),
    "conflict": Words("image has two labels", "images have two labels", "Correct the wrong label."),
    "near conflict": Words(
        "image looks like one with another label",
        "images look like ones with another label",
        "Correct the wrong label.",
    ),
    WRONG_LABEL: Words("label is probably wrong", "labels are probably wrong", "Look before you relabel.", "suspects"),
    "near-duplicate": Words("image looks like another", "images look like others", "Keep one of each."),
    "exact duplicate": Words("image has the bytes of another", "images have the bytes of others", "Keep one of each."),
    "unreadable": Words(
        "image could not be read", "images could not be read", "Restore the file, or remove it.", "rejects"
    ),
}
OTHERS = "Look, and remove what does not belong."


class ToFix(NamedTuple):
    """A kind of issue: how many images have it, what is wrong, what to do, and where the report shows it, if it does.

    `more` is the number of others that may have the issue.
    """

    kind: str
    images: int
    claim: str
    action: str
    section: str
    more: int


def to_fix(kinds: Sequence[Row], probable: int) -> list[ToFix]:
    """List the kinds of issues of a run, the worst first.

    Parameters
    ----------
    kinds
        Rows of the table `issue_kinds`.
    probable
        Number of wrong labels whose severity is at least `PROBABLE`.
    """
    counts = {row["kind"]: row["found"] for row in kinds if row["found"]}
    order = [*(kind for kind in KINDS if kind in counts), *sorted(set(counts) - set(KINDS))]
    return [_described(kind, counts[kind], probable) for kind in order]


def _described(kind: str, count: int, probable: int) -> ToFix:
    if kind not in KINDS:
        claim = f"image stands out: {kind}" if count == 1 else f"images stand out: {kind}"
        return ToFix(kind, count, claim, OTHERS, "quality", 0)
    words, shown = KINDS[kind], probable if kind == WRONG_LABEL else count
    claim = words.one if shown == 1 else words.many
    return ToFix(kind, shown, claim, words.action, words.section, count - shown)
