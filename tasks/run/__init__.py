"""One run: its job, its rows, its results between stages and its state on disk; begin, seal and reopen it.

Imports no stage.
"""
