"""Where bytes lie: folders and object stores, whole-file writes, locks and retries."""
