"""Incumbents: the trials that a sweep would recommend at each point of its budget, by one rule for all tuners."""

import bisect
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from arl.records.store import TrialRecord, dumps, full_runs, lineage
from arl.records.sweep import SweepRecord

# How an agent is trained: (env steps in total, config as JSON), one link after the other.
Chain = tuple[tuple[int, str], ...]


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

    The incumbent is the completed trial of the highest fidelity so far with the best mean over tuning seeds. A trial
    under fewer seeds counts as one of lower fidelity, because means over fewer seeds are luckier. Among equals the first
    one is the incumbent.

    `order`: ids of the sweep's trials, as they were asked for.
    """
    trajectory: list[Incumbent] = []
    spent, best = 0.0, None
    fidelity, num_seeds = record.settings.task.fidelity, len(record.settings.seeds)
    for trial in (record.records[i] for i in order):
        spent += full_runs(trial, record.records, fidelity, num_seeds)
        rank = trial.rank
        if trial.status == "completed" and (best is None or rank > best):
            best = rank
            trajectory.append(Incumbent(spent, trial.trial, trial.score, chain(record.records, trial.trial)))
    return trajectory


def at(trajectory: Sequence[Incumbent], budget: float) -> Incumbent | None:
    """Return the incumbent once a budget is spent; None if it does not pay for any trial that completed."""
    num = bisect.bisect_right([incumbent.spent for incumbent in trajectory], budget + 1e-9)
    return trajectory[num - 1] if num else None


def chain(records: Mapping[int, TrialRecord], trial: int) -> Chain:
    """Return how the agent of a trial was trained, its parents' configs first.

    A parent of the same config is the same link: going on with a config is the same as never having stopped.
    """
    links: Chain = ()
    for record in lineage(records[trial], records):
        link = (record.fidelity, dumps(dict(record.config)))
        links = (*links[:-1], link) if links and links[-1][1] == link[1] else (*links, link)
    return links
