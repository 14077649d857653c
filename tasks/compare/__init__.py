"""Compare two runs: what changed, and the gates that limit changes."""
