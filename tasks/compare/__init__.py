"""Two runs side by side: what changed, and the gates that a change may not pass."""
