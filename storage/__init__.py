"""Bytes: datasets, stores, arrays, tables and runs. Imports no tasks, which compute from them."""
