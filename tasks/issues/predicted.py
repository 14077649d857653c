"""The issues of a finished run with its wrong labels found anew, by the run and a model's predictions together."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.formats.places import Places
from storage.runs.run import Run
from tasks.dtypes import Int64
from tasks.issues.found import WRONG_LABEL, most_severe
from tasks.issues.second_opinion import SecondOpinion
from tasks.issues.wrong_labels import LEAST_SUSPICION, severity


def with_opinion(run: Run, issues: pa.Table, found: SecondOpinion) -> pa.Table:
    """Return the issues with those wrong labels that a run and a model find together, the most severe first.

    Parameters
    ----------
    run
        The run.
    issues
        Its table issues.
    found
        What both say.
    """
    samples = run.tables["samples"].take(found.rows)
    wrong = (found.suspicion >= LEAST_SUSPICION) & (found.likely != np.asarray(samples["class_id"]))
    chosen = np.flatnonzero(wrong)
    chosen = chosen[most_severe(-found.logarithm[chosen], found.rows[chosen])]
    rejudged = _rows(run, issues, found, samples.take(chosen), chosen)
    others = issues.filter(pc.not_equal(issues["kind"].cast(pa.string()), WRONG_LABEL))
    every = pa.concat_tables([others, pa.Table.from_pylist(rejudged, issues.schema)]).unify_dictionaries()
    order = np.lexsort((np.asarray(every["row"]), -np.asarray(every["severity"])))
    return every.combine_chunks().take(pa.array(order))


def _rows(run: Run, issues: pa.Table, found: SecondOpinion, samples: pa.Table, chosen: Int64) -> list[dict[str, Any]]:
    """Rows of the table issues for the chosen images."""
    classes, places = run.manifest.classes, Places(run.manifest.source, run.manifest.source_format)
    # The run knew where images are; it is asked first, since a list may name an image twice.
    known = dict(zip(issues["row"].to_pylist(), issues["path"].to_pylist(), strict=True))
    severities = severity(found.logarithm, len(classes))
    rows = []
    for sample, place in zip(samples.to_pylist(), chosen.tolist(), strict=True):
        likely, own = classes[found.likely[place]], sample["class_name"]
        rows.append(
            {name: sample[name] for name in ("row", "key", "split", "class_id", "class_name", "digest", "run_id")}
            | {
                "path": known.get(sample["row"]) or places.of(sample["key"]),
                "kind": WRONG_LABEL,
                "severity": severities[place],
                "suggestion": likely,
                "suggested_class_id": found.likely[place],
                "suggested_class_name": likely,
                "evidence": f"By the run and the model it is {likely} with probability {found.probability[place]:.2g}, "
                f"and {own}, its label, with {np.exp(found.logarithm[place]):.2g}.",
            }
        )
    return rows
