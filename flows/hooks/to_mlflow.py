"""Log a finished run to MLflow, if the setting `mlflow` names an experiment."""

import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.errors import InputError
from storage.runs.run import Run
from storage.settings import Settings
from storage.stores.store import StorePath

if TYPE_CHECKING:
    from mlflow import MlflowClient

ADDRESS = "MLFLOW_TRACKING_URI"
# MLflow reads them when it is needed, and a user may have set others: no usage data to its makers, and a server that is
# away is given up after a quarter of a minute instead of four.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3"}
COUNTS = ("images", "rejected", "repeated", "conflicting")
FACTS = ("source", "source_format", "fitted_split", "solver")


def require_mlflow(settings: Settings) -> None:
    """Verify, before anything is computed, that the run could be logged to MLflow if it shall be.

    Raises
    ------
    InputError
        If MLflow's client is not installed, or does not know a server.
    """
    if settings.afterwards.mlflow is None:
        return
    if find_spec("mlflow") is None:
        raise InputError("The setting mlflow needs MLflow's client: pip install 'eigenwave[mlflow]'.")
    if not os.environ.get(ADDRESS):
        raise InputError(
            f"The setting mlflow needs the address of a server: set {ADDRESS}, such as to http://127.0.0.1:5000."
        )


def log_to_mlflow(experiment: str, run: Run, summary: Mapping[str, Any]) -> None:
    """Log a run to an experiment, which is made if there is none: metrics, parameters, and its files as artifacts.

    Parameters
    ----------
    experiment
        Name of the experiment.
    run
        The finished run.
    summary
        Its summary.

    Raises
    ------
    mlflow.exceptions.MlflowException
        If the server refuses or does not answer. MLflow then shows the run as failed.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient  # noqa: PLC0415 - of an extra, and slow to import
    from mlflow.entities import Metric, Param  # noqa: PLC0415

    client, now = MlflowClient(), int(time.time() * 1000)
    tags = {"mlflow.note.content": summary["verdict"], "eigenwave.folder": summary["folder"]}
    logged = client.create_run(_experiment_id(client, experiment), run_name=summary["run_id"], tags=tags)
    status = "FAILED"
    try:
        metrics = [Metric(name, value, now, 0) for name, value in _metrics(run, summary)]
        client.log_batch(logged.info.run_id, metrics, [Param(*each) for each in _parameters(run, summary)])
        _log_files(client, logged.info.run_id, run)
        status = "FINISHED"
    finally:
        client.set_terminated(logged.info.run_id, status)


def _experiment_id(client: "MlflowClient", name: str) -> str:
    """The id of an experiment, which is made if there is none."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    found = client.get_experiment_by_name(name)
    try:
        return found.experiment_id if found else client.create_experiment(name)
    except MlflowException:  # another run made it meanwhile
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return found.experiment_id


def _metrics(run: Run, summary: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Numbers of a run by name; one that does not exist is left out, since MLflow has no null."""
    counts = {name: summary[name] for name in COUNTS}
    issues = {f"issues/{kind}": count for kind, count in summary["issues"].items()}
    found = summary["learnability"] | counts | issues | {"energy": summary["energy"]}
    if "compared_runs" in run.tables:
        found |= {f"drift/{name}": value for name, value in run.tables["compared_runs"].to_pylist()[0].items()}
    for name, value in found.items():
        if isinstance(value, int | float) and math.isfinite(value):
            yield name, float(value)


def _parameters(run: Run, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The settings that the run's numbers depend on, and what is known of its dataset."""
    for name, value in (dict(run.manifest.settings) | {name: summary[name] for name in FACTS}).items():
        yield name, str(value)


def _log_files(client: "MlflowClient", logged: str, run: Run) -> None:
    """Log the report, issues.csv, the manifest and the tables, each by a copy, since a workspace may be far away."""
    files: list[tuple[StorePath, str | None]] = [(run.paths.report, None), (run.paths.manifest, None)]
    if run.paths.issues.exists():
        files.append((run.paths.issues, None))
    files += [(run.paths.table(name), "tables") for name in run.tables]
    with tempfile.TemporaryDirectory(prefix="eigenwave-") as folder:
        for path, place in files:
            copy = Path(folder) / path.name
            with path.open() as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target)
            client.log_artifact(logged, str(copy), place)
            copy.unlink()
