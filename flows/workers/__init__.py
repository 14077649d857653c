"""Fan-out over shards, in this process or on a Dask cluster. The only room that imports Dask."""
