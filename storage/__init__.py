"""Bytes: sources, images, shards, arrays, tables and the manifest. No algorithms, no orchestration."""
