"""Incumbents: the trials that a sweep would recommend at each point of its budget, by one rule for all tuners."""

import bisect
from collections.abc import Sequence
from typing import NamedTuple

from arl.records import ranking
from arl.records.lineage import Chain, Ledger, chain
from arl.records.store import COMPLETED
from arl.records.sweep import SweepRecord


class Incumbent(NamedTuple):
    """The best trial of a sweep from when `spent` equivalent full runs are paid for, until the next incumbent's."""

    spent: float
    trial: int
    score: float
    chain: Chain

    @property
    def fidelity(self) -> int:
        """Env steps of its agent, its lineage included."""
        return self.chain[-1][0]


def incumbents(record: SweepRecord, order: Sequence[int]) -> list[Incumbent]:
    """Return the incumbents of a sweep, in the order in which they were paid for.

    The incumbent is the best completed trial so far, see `arl.records.ranking`.

    `order`: ids of the sweep's trials, as they were asked for.
    """
    trajectory: list[Incumbent] = []
    spent, best = 0.0, None
    ledger = Ledger(record.records, record.settings.task.fidelity, record.settings.seeds)
    for trial in (record.records[i] for i in order):
        spent += ledger.charge(trial)
        if trial.status == COMPLETED and (best is None or ranking.rank(trial, record.records) > best):
            best = ranking.rank(trial, record.records)
            trajectory.append(Incumbent(spent, trial.trial, trial.score, chain(trial, record.records)))
    return trajectory


def at(trajectory: Sequence[Incumbent], budget: float) -> Incumbent | None:
    """Return the incumbent once a budget is spent; None if it does not pay for any trial that completed."""
    num = bisect.bisect_right([incumbent.spent for incumbent in trajectory], budget + 1e-9)
    return trajectory[num - 1] if num else None
