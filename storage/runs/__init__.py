"""A workspace and its runs: paths, shards, manifests, verification and garbage collection."""
