"""A workspace and its runs: paths, shards, manifest, verification and garbage."""
