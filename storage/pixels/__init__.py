"""Encoded images to pixels of one size, depth and number of channels."""
