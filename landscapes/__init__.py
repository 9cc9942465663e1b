"""Records of runs: the store they are kept in, and what a user asks of them. Needs no JAX."""

from landscapes.record import SweepRecord, load
from landscapes.store import Store

__all__ = ["Store", "SweepRecord", "load"]
