"""Singular vectors of all images from products that are summed over shards.

Pure NumPy and SciPy: no storage.
"""
