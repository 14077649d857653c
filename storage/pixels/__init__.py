"""Decode images into pixels of one size, depth and number of channels."""
