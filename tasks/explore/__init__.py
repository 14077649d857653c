"""What the explorer shows of a finished run: images that a query chooses, their facts, neighbors and pictures."""
