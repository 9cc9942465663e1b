"""Comparisons of tuners: their design, how they are run, and their results."""
