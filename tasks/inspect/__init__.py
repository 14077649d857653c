"""Findings on single images from their scores: near-duplicates, leaks and conflicts, as state and as tables."""
