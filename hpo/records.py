"""Records of sweeps: the store that runs are kept in, what a sweep recorded, and what an objective makes records of."""

from arl.records.store import Outcome, PointRecord, RunRecord, Store, TrialRecord
from arl.records.sweep import SweepRecord, load_sweep
from hpo.results import trial_record

__all__ = [
    "Outcome",
    "PointRecord",
    "RunRecord",
    "Store",
    "SweepRecord",
    "TrialRecord",
    "load_sweep",
    "trial_record",
]
