"""Order, fan-out, progress and the command line. Prefect and Dask live here and nowhere else."""
