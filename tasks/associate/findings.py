"""The results on patterns and classes after the last pass, which the tables are made of."""

from dataclasses import dataclass

from storage.runs.layout import read_layout
from tasks.dtypes import Float64
from tasks.run.job import Job
from tasks.run.results import Projected, Summary, Verdicts
from tasks.run.state import Totals, load_state, read_totals
from tasks.statistics.first_order import FirstOrder, first_order
from tasks.statistics.ranks import mutual_information


@dataclass(frozen=True)
class Findings(FirstOrder):
    """The results on patterns and classes after the last pass: first-order association, and more.

    Attributes
    ----------
    names
        Names of the classes.
    totals, projected, summary, verdicts
        Results of the passes.
    information
        Mutual information (1 + R, k) in nats under the true labels, then under shuffled ones. It has no rows if levels
        were not counted.
    """

    names: list[str]
    totals: Totals
    projected: Projected
    summary: Summary
    verdicts: Verdicts
    information: Float64


def find(job: Job) -> Findings:
    """Compute the results from the sums that the passes saved."""
    summary, verdicts = load_state(job.paths.work.summary, Summary), load_state(job.paths.work.verdicts, Verdicts)
    grouped = job.settings.reading.group is not None
    return Findings(
        **vars(first_order(summary.sums, summary.groups, grouped=grouped)),
        names=list(read_layout(job.paths).classes),
        totals=read_totals(job),
        projected=load_state(job.paths.work.projection, Projected),
        summary=summary,
        verdicts=verdicts,
        information=mutual_information(verdicts.levels.counts),
    )
