"""Lineages: the trials that trained an agent, one after the other, and what trials cost."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

# How an agent is trained: (env steps in total, config as JSON), one link after the other.
Chain = tuple[tuple[int, str], ...]
Origin = tuple[int, Chain]  # the number of its untrained networks, and how it is trained


class Asked(Protocol):
    """A trial as it was asked for, or its record; no seeds are all of the sweep."""

    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def fidelity(self) -> int: ...
    @property
    def parent(self) -> int | None: ...
    @property
    def seeds(self) -> Sequence[int] | None: ...
    @property
    def network_seed(self) -> int: ...


AnyTrial = TypeVar("AnyTrial", bound=Asked)


def lineage(trial: AnyTrial, trials: Mapping[int, AnyTrial]) -> list[AnyTrial]:
    """Return a trial's ancestors, eldest first, and itself; `trials`: by id."""
    line = [trial]
    while (parent := line[-1].parent) is not None:
        line.append(trials[parent])
    return line[::-1]


def chain(trial: AnyTrial, trials: Mapping[int, AnyTrial]) -> Chain:
    """Return how the agent of a trial is trained, its parents' configs first; `trials`: by id.

    A parent of the same config is the same link: going on with a config is the same as never having stopped.
    """
    links: Chain = ()
    for ancestor in lineage(trial, trials):
        link = (ancestor.fidelity, json.dumps(dict(ancestor.config), sort_keys=True))
        links = (*links[:-1], link) if links and links[-1][1] == link[1] else (*links, link)
    return links


def origin(trial: AnyTrial, trials: Mapping[int, AnyTrial]) -> Origin:
    """Return what the agent of a trial comes from besides its seed; `trials`: by id."""
    return lineage(trial, trials)[0].network_seed, chain(trial, trials)


class Ledger:
    """What trials cost in equivalent full runs, in the order in which they are charged.

    A trial that goes on from a parent costs the difference in env steps. It costs nothing under seeds under which its agent
    has been paid for, so that a config is trained under further seeds for the price of these. A trial without a new seed
    costs what it did the first time, so that a tuner that repeats itself comes to an end.

    Args:
        trials: by id, among them those that are charged and their parents; a mapping that may grow.
        fidelity: env steps of a full run.
        seeds: those of a full run.
    """

    def __init__(self, trials: Mapping[int, Asked], fidelity: int, seeds: Sequence[int]):
        self.trials, self.fidelity, self.seeds = trials, fidelity, seeds
        self.paid: set[tuple[Origin, int]] = set()

    def cost(self, trial: Asked) -> float:
        """Return what a trial costs now."""
        return self._cost(trial, self._runs(trial))

    def charge(self, trial: Asked) -> float:
        """Return what a trial costs; from now on its runs are paid for."""
        runs = self._runs(trial)
        cost = self._cost(trial, runs)
        self.paid |= runs
        return cost

    def _cost(self, trial: Asked, runs: set[tuple[Origin, int]]) -> float:
        start = 0 if trial.parent is None else self.trials[trial.parent].fidelity
        return (trial.fidelity - start) / self.fidelity * len(runs - self.paid or runs) / len(self.seeds)

    def _runs(self, trial: Asked) -> set[tuple[Origin, int]]:
        agent = origin(trial, self.trials)
        return {(agent, seed) for seed in (self.seeds if trial.seeds is None else trial.seeds)}
