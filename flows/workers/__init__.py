"""Fan-out over shards, in this process or on a Dask cluster. Only this room imports Dask."""
