"""What a network sees of a run's patterns: compare its features, layer by layer, with the scores of the images."""
