"""What a run would take, before it begins: its plan, cost, memory and limits.

Reads names and headers only, and imports no stage.
"""
