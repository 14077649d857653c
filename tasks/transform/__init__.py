"""The transform stage, from images to coefficients shard by shard, with the first pass of the decomposition."""
