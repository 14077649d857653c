"""Order of stages, fan-out, progress and the command line. Only this package imports Prefect and Dask."""
