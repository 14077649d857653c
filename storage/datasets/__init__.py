"""What a dataset is: files, samples, labels, splits, and the datasets that have a name."""
