"""Images to coefficients and back: filters, bands, transforms and the space they span.

Pure NumPy and SciPy: no storage.
"""
