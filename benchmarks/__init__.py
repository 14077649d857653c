"""Each stage beside its peers and its physical limit, as ratios in one run."""
