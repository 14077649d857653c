"""The sentences that a run says of a dataset, and whether a line of a matrix of sentences is true of them."""

from typing import NamedTuple

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.errors import InputError
from storage.runs.run import Run
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.report.gather import gather_report
from tasks.report.verdict import verdict
from tasks.run.begin import begin_run
from tasks.run.seal import describe_run

NOTHING = "We found no association between labels and images."
BY_SPREAD = "The classes differ in their spreads, not in their means."
NOT_POSSIBLE = "no association can be measured"

ABOVE_SHUFFLES, NOT_ABOVE_SHUFFLES = "as much as shuffled labels", "Labels explain no more than shuffled labels"
CLASSIFIED, NOT_CLASSIFIED = "of unseen images are classified right", "classified no better than by chance"
ALL_COPIES = "No unseen image is left to check the classes"
TOO_FEW_UNSEEN = "Too few unseen images to check the classes"
BACK, NOT_BACK = "come back in unseen images", "do not come back in unseen images"
NOISE, NOT_NOISE = "falls with label noise as it should", "does not fall with label noise as it should"
ALIKE, SHIFT = "Unseen images look like those that patterns are fitted on", "Unseen images differ from those"
NO_SHORTCUT, SHORTCUT = "No pattern looks like a shortcut", "is a likely shortcut"
REPEATED = "have the same bytes as another"

MARKS = {True: "+", None: "i", False: "!"}


class Said(NamedTuple):
    """The headline of a run, the sentence on its numbers, its checks by mark and claim, and why it was refused."""

    headline: str = ""
    sentence: str = ""
    checks: tuple[tuple[str, str], ...] = ()
    refused: str = ""

    @property
    def everything(self):
        return "\n".join([self.headline, self.sentence, self.refused, *(claim for _, claim in self.checks)])

    def holds(self, line):
        """Whether a line is true of what was said: see tests/flows/test_sentences.py."""
        mark, text = line[0], line[2:]
        if mark == "-":
            return text not in self.everything
        if mark in "=x":
            return self.headline == text if mark == "=" else text in self.refused
        return [given for given, claim in self.checks if text in claim] == [mark]


def say(source, folder, **settings):
    """Run all stages on a dataset, in this process, and give what the run says of it."""
    workspace = Workspace(folder)
    workspace.prepare()
    try:
        job = begin_run(str(source), Settings(**settings), workspace)
    except InputError as error:
        return Said(refused=str(error))
    stages.compute(job, InlineFanout())
    report = gather_report(Run(job.paths, describe_run(job)))
    checks = tuple((MARKS[check.passed], check.claim) for check in report.checks)
    return Said(report.headline, verdict(report.learnability), checks)
