"""One run: its job, its rows, the results that stages pass on, and its state on disk; begin, seal and reopen it.

Imports no stage.
"""
