"""The decomposition stage: passes over the shards, patterns, scores, and each scale on its own."""
