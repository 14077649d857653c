"""What a run computes. Knows nothing of orchestration: no flows, Prefect or Dask."""
