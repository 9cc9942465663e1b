"""Records of runs: the store, and what is read of it."""
