"""What a worker runs: one-word modules are pure numerics, verb_noun modules read, compute and write."""
