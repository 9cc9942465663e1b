"""Comparisons of tuners: how they are run, and what they show."""
