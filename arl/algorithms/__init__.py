"""The algorithms, and what they are made of."""

from arl.algorithms.registry import ALGORITHMS, Algorithm, get, num_parameters

__all__ = ["ALGORITHMS", "Algorithm", "get", "num_parameters"]
