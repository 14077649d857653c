"""Storage of bytes in folders and object stores: whole-file writes, locks and retries."""
