"""The computations of a run, without orchestration: no flows, Prefect or Dask."""
