"""The association stage: scores and labels to tables."""
