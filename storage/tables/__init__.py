"""Schemas, Parquet tables, and batches that are read one by one."""
