"""Plan a run before it begins: its solver, cost, memory and limits.

`check` reads every image; all else reads names and headers only. Imports no stage.
"""
