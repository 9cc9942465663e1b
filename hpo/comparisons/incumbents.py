"""Incumbents: what a sweep would recommend when so much of its budget is spent. One rule for all tuners."""

import bisect
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from arl.records.store import TrialRecord, dumps, full_runs, lineage
from arl.records.sweep import SweepRecord

# How an agent is trained: (env steps in total, config as JSON), one link after the other.
Chain = tuple[tuple[int, str], ...]


class Incumbent(NamedTuple):
    """The best trial from the moment that `spent` equivalent full runs were paid for."""

    spent: float
    trial: int
    score: float
    chain: Chain

    @property
    def fidelity(self) -> int:
        """Env steps of its agent, its lineage included."""
        return self.chain[-1][0]


def incumbents(record: SweepRecord, order: Sequence[int]) -> list[Incumbent]:
    """Return the incumbents of a sweep, each from when it was paid for; `order`: its trials as they were asked for.

    The incumbent is the completed trial of the highest fidelity so far with the best mean over tuning seeds; one under
    fewer of them counts as one of lower fidelity, since its mean is the luckier the fewer they are. Among equals it is
    the first.
    """
    stood: list[Incumbent] = []
    spent, best = 0.0, None
    fidelity, num_seeds = record.settings.task.fidelity, len(record.settings.seeds)
    for trial in (record.records[i] for i in order):
        spent += full_runs(trial, record.records, fidelity, num_seeds)
        rank = trial.rank
        if trial.status == "completed" and (best is None or rank > best):
            best = rank
            stood.append(Incumbent(spent, trial.trial, trial.score, chain(record.records, trial.trial)))
    return stood


def at(stood: Sequence[Incumbent], budget: float) -> Incumbent | None:
    """Return the incumbent once a budget is spent; None if it does not pay for any trial that completed."""
    num = bisect.bisect_right([incumbent.spent for incumbent in stood], budget + 1e-9)
    return stood[num - 1] if num else None


def chain(records: Mapping[int, TrialRecord], trial: int) -> Chain:
    """Return how the agent of a trial was trained, its parents' configs first.

    A parent of the same config is the same link: going on with a config is the same as never having stopped.
    """
    links: Chain = ()
    for record in lineage(records[trial], records):
        link = (record.fidelity, dumps(dict(record.config)))
        links = (*links[:-1], link) if links and links[-1][1] == link[1] else (*links, link)
    return links
