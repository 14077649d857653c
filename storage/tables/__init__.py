"""Table schemas, Parquet tables, and files of batches that are read one by one."""
