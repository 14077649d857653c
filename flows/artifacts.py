"""What a run shows in Prefect beside its states and its log: links, tables and pictures."""

from prefect.artifacts import create_link_artifact


def show_dashboard(address: str | None) -> None:
    """Link to Dask's dashboard, if there is one."""
    if address:
        create_link_artifact(address, link_text="Dask dashboard", key="dask-dashboard")
