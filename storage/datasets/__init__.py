"""Datasets: their files, samples, labels and splits, and the datasets that are known by name."""
