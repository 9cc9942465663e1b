"""Hyperparameters of the algorithms, with their defaults and ranges.

Nothing here needs JAX, so that a sweep on a landscape does not wait for its import.
"""
