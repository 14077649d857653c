"""Keep control characters, and tracebacks of errors made for users, out of the logs and names of runs in Prefect."""

import logging

from prefect import runtime

from storage.errors import EigenwaveError, UnexpectedError
from storage.printable import printable

LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


class _Plain(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, EigenwaveError) and not isinstance(error, UnexpectedError):
            # The sentence says everything; a traceback would only bury it.
            record.exc_info = record.exc_text = None
        record.msg, record.args = printable(record.getMessage(), keep="\n"), None
        return True


_plain = _Plain()


def plain_logs() -> None:
    """Filter the logs of all runs in this process from now on."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_plain)


def run_name() -> str:
    """Name of a run in Prefect: its source."""
    return printable(str(runtime.flow_run.parameters["source"]))


def audit_name() -> str:
    """Name of an audit in Prefect."""
    return f"audit of {run_name()}"


def association_name() -> str:
    """Name of an association in Prefect: its columns."""
    return printable(f"associate {', '.join(runtime.flow_run.parameters['by'])}")
