"""Runs as Prefect shows them: server, progress, artifacts, forms and cancellation."""
