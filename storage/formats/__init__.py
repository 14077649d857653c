"""One file for each format of a dataset, and `open`, which finds the right one."""
