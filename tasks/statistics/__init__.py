"""Statistics of scores and labels, computed from sums over shards.

Pure NumPy and SciPy: no storage.
"""
