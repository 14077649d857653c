"""Ask the patterns of a finished run about a column: read scores and tables of the run, and write tables beside it."""
