"""Records of sweeps: the store of runs, the record of a sweep, and the parts of the records that an objective makes."""

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
