"""Write the issues of all kinds into one table and one spreadsheet, the most severe first."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa

from storage.formats.places import Places
from storage.stores.files import replacing
from storage.tables.spreadsheet import write_rows
from tasks.dtypes import Int64
from tasks.issues.bad_images import bad_images
from tasks.issues.copies import copies
from tasks.issues.found import FOUND, Found
from tasks.issues.images import look_up
from tasks.issues.near_copies import near_copies
from tasks.issues.spreadsheet import COLUMNS, cells
from tasks.issues.unreadable import unreadable
from tasks.issues.wrong_labels import wrong_labels
from tasks.run.job import Job
from tasks.run.tables import ResultTables

SOURCES: tuple[Callable[[Job], Iterable[Found]], ...] = (copies, near_copies, wrong_labels, bad_images, unreadable)
AT_ONCE = 2**14  # rows that exist as Python objects at a time


def tabulate_issues(job: Job) -> None:
    """Write the tables `issues` and `issue_kinds`, and issues.csv."""
    found = [kind for source in SOURCES for kind in source(job)]
    issues = pa.concat_tables([kind.issues for kind in found], promote_options="none").combine_chunks()
    issues = issues.take(pa.array(_order(issues)))
    tables = ResultTables(job)
    with tables.writer("issues") as writer, replacing(job.paths.issues) as path, path.open("wb") as file:
        pieces = list(_complete(job, tables, issues))
        for piece in pieces:
            writer.write(piece)
        write_rows(file, COLUMNS, cells(pieces))
    columns = {
        "kind": [kind.kind for kind in found],
        "found": [kind.count for kind in found],
        "listed": [len(kind.issues) for kind in found],
    }
    tables.write("issue_kinds", columns)


def _order(issues: pa.Table) -> Int64:
    """By severity, then row; issues of the same image keep the order of their kinds."""
    return np.lexsort((np.asarray(issues["row"]), -np.asarray(issues["severity"])))


def _complete(job: Job, tables: ResultTables, issues: pa.Table) -> Iterator[pa.Table]:
    """Yield the table of issues in pieces, with what is known of each image."""
    places = Places(job.source, job.format, job.settings.access)
    for start in range(0, len(issues), AT_ONCE):
        piece = issues.slice(start, AT_ONCE)
        images = look_up(job, np.asarray(piece["row"]))
        columns = {name: piece[name] for name in FOUND.names}
        columns |= {name: images[name] for name in ("key", "split", "class_id", "digest")}
        named = zip(images["key"].to_pylist(), images["length"].to_pylist(), strict=True)
        columns["path"] = [places.of(key, length) for key, length in named]
        yield tables.complete("issues", columns)
