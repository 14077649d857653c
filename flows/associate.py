"""What a finished run's patterns have to do with columns, as a Prefect flow, for servers and deployments."""

from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.tracking.artifacts import show_text
from flows.tracking.cancellation import cancellable
from flows.tracking.form import ColumnsField, RunField, TableField, WorkspaceField
from flows.tracking.plain import association_name, plain_logs
from storage.runs.run import Run
from storage.runs.workspace import DEFAULT_WORKSPACE, Workspace
from tasks.columns.ask import ask_run
from tasks.report.column_words import counts, sentence
from tasks.report.shortcut_words import shortcut_sentence

plain_logs()


@flow(name="associate", flow_run_name=association_name)
@cancellable
def associate(
    by: ColumnsField, run: RunField = "latest", workspace: WorkspaceField = DEFAULT_WORKSPACE, table: TableField = None
) -> list[str]:
    """Ask what a finished run's patterns have to do with columns, and keep the tables in the workspace.

    Parameters
    ----------
    by
        Columns of the dataset, properties of images, or columns of the table.
    run
        A run id, a path, or latest.
    workspace
        Folder or URL (s3://, gs://, az://) of the run.
    table
        File of a table with a column `key`, on the machine where this runs.

    Returns
    -------
    list[str]
        Folders of the tables, one for each column.
    """
    return ask(by, run, workspace, table)


@task(task_run_name="associate", cache_policy=NO_CACHE)
def ask(by: tuple[str, ...], run: str, workspace: str, table: str | None) -> list[str]:
    """Associate the columns, and show a sentence about each."""
    space = Workspace(workspace).home(run)
    opened = Run(space.find(run))
    found = ask_run(space, opened, by, None if table is None else Path(table))
    rows = [each.tables["column_summary"].to_pylist()[0] for each in found]
    said = [[shortcut_sentence(row) for row in each.tables["column_shortcuts"].to_pylist()] for each in found]
    for row, shortcuts in zip(rows, said, strict=True):
        get_run_logger().info(" ".join([sentence(row), *shortcuts]))
    texts = [" ".join([sentence(row), counts(row), *more]) for row, more in zip(rows, said, strict=True)]
    show_text("columns", "\n\n".join([f"### {opened.manifest.run_id}", *texts]))
    return [str(space.association(opened.manifest.run_id, each.column)) for each in found]
