"""What scores and labels say about each other, from sums over shards.

Pure NumPy and SciPy: no storage.
"""
