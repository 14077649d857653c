"""The first stage: images to coefficients, a shard at a time, with the first pass of the decomposition."""
