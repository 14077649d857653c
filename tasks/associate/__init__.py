"""The association stage, from scores and labels to tables."""
