"""Singular vectors of all images, from products summed over shards.

Pure NumPy and SciPy: no storage.
"""
