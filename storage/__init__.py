"""Bytes: datasets, stores, arrays, tables and runs. Knows nothing of what is computed from them: no tasks."""
