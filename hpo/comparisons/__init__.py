"""Comparisons of tuners: their design, how they are run, and their results."""

REFERENCE = "random"  # the tuner that all others are compared with
UNTUNED = "default"
