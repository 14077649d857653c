"""Benchmarks of each stage against its peers and its physical limit, as ratios within one run."""
