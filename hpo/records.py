"""Records of sweeps: the store that runs are kept in, and what a sweep recorded."""

from arl.records.store import Store
from arl.records.sweep import SweepRecord, load_sweep

__all__ = ["Store", "SweepRecord", "load_sweep"]
