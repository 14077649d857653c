"""The functions of the Python API. Each imports what it needs when called: opening a run does not import Prefect."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from storage.runs.run import Run, open_run
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace, checked_run_id
from storage.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from eigenwave.results import Association, Check, Comparison, Explanation, Plan


def run(
    source: str | Path,
    *,
    workspace: str | Path = DEFAULT_WORKSPACE,
    run_id: str | None = None,
    config: str | Path | None = None,
    **settings: Any,  # noqa: ANN401 - any setting
) -> Run:
    """Analyze a dataset, or continue an interrupted run of it, and open the finished run.

    Works in a script and in a notebook. With `PREFECT_API_URL` set, the run reports to that Prefect server; otherwise
    it starts a temporary one. Variables such as `EIGENWAVE_RANK` apply, as they do for the command.

    Parameters
    ----------
    source
        A folder, a file or a URL in any of the formats of docs/inputs.md, or a name: digits, mnist, fashion-mnist,
        cifar10, cifar100.
    workspace
        Folder or URL (s3://, gs://, az://) for runs and shards.
    run_id
        Name of the run; by default made from the time.
    config
        TOML file with settings; `settings` override it.
    **settings
        Settings by the names that `eigenwave run --help` lists, with underscores: `rank=32`, `cluster="inline"`.

    Returns
    -------
    Run
        The finished run.

    Raises
    ------
    InputError
        If a setting or the dataset is not possible, before anything is computed.
    EigenwaveError
        If the run fails; the same call continues it.

    Examples
    --------
    >>> run = eigenwave.run("digits", rank=8, cluster="inline")
    >>> run.manifest.learnability["learnability"]  # from 0 to 1
    """
    from flows.tracking.session import load_prefect, prefect_session
    from tasks.planning.outlook import plan_run

    chosen, space = _settings(settings, config), Workspace(str(workspace))
    if run_id is not None:
        checked_run_id(run_id)
    with prefect_session() as session:
        outlook = plan_run(str(source), chosen)
        space.prepare()
        load_prefect()
        from flows.analysis import analysis_of
        from flows.tracking.server import server_loss_explained

        with session.reporting(), server_loss_explained():
            return Run(space.run(analysis_of(outlook)(str(source), str(workspace), chosen, run_id)))


def check(source: str | Path, *, config: str | Path | None = None, **settings: Any) -> "Check":  # noqa: ANN401
    """Decode every image of a dataset as a run would, and report contents and problems.

    Parameters
    ----------
    source, config, **settings
        As for `run`.

    Returns
    -------
    Check
        The findings, displayed as `eigenwave check` prints them; `problems` is empty if a run would take the dataset.

    Raises
    ------
    InputError
        If the dataset cannot be read at all, or a setting is not possible.

    Examples
    --------
    >>> found = eigenwave.check("path/to/dataset")
    >>> found.problems
    >>> found.bad  # key, reason and detail of each image that cannot be used
    """
    from eigenwave.results import Check
    from tasks.planning.check import check_source

    return Check.of(check_source(str(source), _settings(settings, config)))


def plan(  # noqa: PLR0913 - each is a word of the command
    source: str | Path | None = None,
    *,
    images: float | None = None,
    image_size: int | None = None,
    channels: Literal[1, 3] = 3,
    classes: int = 10,
    config: str | Path | None = None,
    **settings: Any,  # noqa: ANN401
) -> "Plan":
    """Estimate what a run would do and cost: shards, passes, bytes, memory, time. Reads names and headers only.

    Parameters
    ----------
    source, config, **settings
        As for `run`; without a source, give `images` and `image_size`.
    images, image_size, channels, classes
        Instead of a source: number of images, their width and height in pixels, their channels, and number of classes.

    Returns
    -------
    Plan
        The estimate, displayed as `eigenwave plan` prints it.

    Raises
    ------
    InputError
        If the dataset cannot be analyzed with these settings.

    Examples
    --------
    >>> eigenwave.plan("digits").solver
    >>> eigenwave.plan(images=1e9, image_size=224).seconds  # of one worker
    """
    from eigenwave.results import Plan
    from flows.cli.inputs import estimate

    name = None if source is None else str(source)
    return Plan.of(estimate(name, _settings(settings, config), images, image_size, channels, classes))


def compare(
    before: Run | str | Path, after: Run | str | Path, *, workspace: str | Path = DEFAULT_WORKSPACE
) -> "Comparison":
    """Compare two runs. Writes nothing; the command `eigenwave compare` also writes the tables.

    Parameters
    ----------
    before, after
        Two runs, or arguments of `open_run`.
    workspace
        Workspace of runs that are given by id.

    Returns
    -------
    Comparison
        One number per kind of change, and tables of patterns, classes and images.

    Raises
    ------
    InputError
        If there is no such run, or the two have coefficients of different kinds.

    Examples
    --------
    >>> change = eigenwave.compare("r-20261123T123331-a313", "latest")
    >>> change.summary["learnability_drop"]
    >>> change.tables["compared_images"].to_pandas()
    """
    from eigenwave.results import Comparison
    from tasks.compare.runs import compare_runs

    earlier, later = (run if isinstance(run, Run) else open_run(run, workspace=workspace) for run in (before, after))
    return Comparison.of(earlier, later, compare_runs(earlier, later))


def associate(
    run: Run | str | Path = "latest",
    *,
    by: str | Sequence[str],
    table: str | Path | None = None,
    workspace: str | Path = DEFAULT_WORKSPACE,
) -> "Association":
    """Ask what a run's patterns have to do with columns, and keep the answer in the run's workspace.

    Parameters
    ----------
    run
        A run, or an argument of `open_run`.
    by
        Columns of the dataset, properties of images, columns of `table`, or patterns such as `finding_*`.
        `properties` stands for all properties that decoding gives and that differ between images.
    table
        A table (CSV, JSON lines, Parquet, Feather) with a column `key`: names of images as in the table `samples`.
    workspace
        Workspace of a run that is given by id.

    Returns
    -------
    Association
        One row, or some, for each column, displayed as `eigenwave associate` prints it.

    Raises
    ------
    InputError
        If there is no such run or column, or the column does not divide the images into groups.

    Examples
    --------
    >>> found = eigenwave.associate(by=["site", "camera"], table="visits.csv")
    >>> found.tables["column_summary"].to_pandas()
    """
    from eigenwave.results import Association
    from tasks.columns.ask import ask_run

    found = run if isinstance(run, Run) else open_run(run, workspace=workspace)
    space = Workspace(workspace).home(str(found.paths.folder))
    names = [by] if isinstance(by, str) else list(by)
    return Association.of(found, ask_run(space, found, names, None if table is None else Path(table)))


def explain(
    run: Run | str | Path = "latest",
    *,
    features: "str | Path | Mapping[str, np.ndarray]",
    control: "str | Path | Mapping[str, np.ndarray] | None" = None,
    workspace: str | Path = DEFAULT_WORKSPACE,
) -> "Explanation":
    """Compare a network's features or logits with a run's patterns, and keep the answer in the run's workspace.

    Parameters
    ----------
    run
        A run, or an argument of `open_run`.
    features
        Features (n, d) of each layer by its name, the images in the order of the table `samples`; or a file of them:
        see docs/columns.md.
    control
        The same layers of another network, such as one that is not trained.
    workspace
        Workspace of a run that is given by id.

    Returns
    -------
    Explanation
        One row, or some, for each layer, displayed as `eigenwave explain` prints it.

    Raises
    ------
    InputError
        If there is no such run or file, or an array has another shape.

    Examples
    --------
    >>> found = eigenwave.explain(features={"logits": logits}, control={"logits": untrained})
    >>> found.tables["explained_patterns"].to_pandas()
    """
    from eigenwave.results import Explanation
    from tasks.explain.tables import explain_run

    found = run if isinstance(run, Run) else open_run(run, workspace=workspace)
    space = Workspace(workspace).home(str(found.paths.folder))
    given = Path(features) if isinstance(features, str) else features
    other = Path(control) if isinstance(control, str) else control
    return Explanation.of(found, explain_run(space, found, given, other))


def issues(  # noqa: PLR0913 - each is a word of the command
    run: Run | str | Path = "latest",
    *,
    kind: str | Sequence[str] = (),
    class_name: str | Sequence[str] = (),
    top: int | None = None,
    new: bool = False,
    decisions: str | Path | None = None,
    predictions: str | Path | None = None,
    workspace: str | Path = DEFAULT_WORKSPACE,
) -> "pa.Table":
    """List what to fix in a run's dataset, the most severe first.

    Parameters
    ----------
    run
        A run, or an argument of `open_run`.
    kind, class_name
        One or several kinds of issues, and names of classes that images are labelled with; by default all.
    top
        Number of the most severe issues; by default all.
    new
        Leave out issues that were decided, or that the run before has too.
    decisions
        File of decisions; by default decisions.jsonl in the workspace.
    predictions
        File of a model's probabilities for images that it did not learn from: a table with a column `key` and one for
        each class, or a .npy array in the order of the table `samples`. Labels are judged by the model too.
    workspace
        Workspace of a run that is given by id.

    Returns
    -------
    pyarrow.Table
        Rows of the table `issues`.

    Raises
    ------
    InputError
        If there is no such run, kind or class, or the run was written by a version without issues.

    Examples
    --------
    >>> eigenwave.issues(kind="wrong label", top=100).to_pandas()
    """
    from tasks.issues.choose import Choice, Issues
    from tasks.issues.decisions import Decisions, decisions_file

    found = run if isinstance(run, Run) else open_run(run, workspace=workspace)
    space = Workspace(workspace).home(str(found.paths.folder))
    decided = Decisions.read(decisions_file(None if decisions is None else str(decisions), space))
    kinds, classes = ((word,) if isinstance(word, str) else tuple(word) for word in (kind, class_name))
    given = None if predictions is None else Path(predictions)
    return Issues.of(found, space, decided, given).choose(Choice(kinds, classes, top, new))


def history(
    source: str | Path | None = None, *, last: int = 50, workspace: str | Path = DEFAULT_WORKSPACE
) -> "pa.Table":
    """Collect the numbers of the last runs of a dataset that can be compared with one another.

    Parameters
    ----------
    source
        Dataset, as for `run`; by default that of the latest run.
    last
        Number of runs.
    workspace
        Workspace of the runs.

    Returns
    -------
    pyarrow.Table
        One row for each run with the columns of docs/data-schema.md, the run sealed last in the last row. A number that
        a run did not measure is null.

    Raises
    ------
    InputError
        If the source has no finished run, or what the workspace keeps about a run is damaged.

    Examples
    --------
    >>> eigenwave.history("path/to/dataset").to_pandas().plot("created", "learnability_adjusted")
    """
    from tasks.compare.history import history_of

    return history_of(Workspace(workspace), None if source is None else str(source), last).table


def _settings(given: dict[str, Any], config: str | Path | None) -> Settings:
    return Settings.load(given, None if config is None else Path(config))
