"""Zarr, .npy and .npz arrays: chunks with checksums, and scratch memory to read them into."""
