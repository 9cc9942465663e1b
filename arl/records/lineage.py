"""Lineages: the trials that trained an agent, one after the other."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

# How an agent is trained: (env steps in total, config as JSON), one link after the other.
Chain = tuple[tuple[int, str], ...]


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


def full_runs(trial: AnyTrial, trials: Mapping[int, AnyTrial], fidelity: int, num_seeds: int) -> float:
    """Return what a trial costs in equivalent full runs; going on from a parent costs the difference.

    Args:
        trials: its parent among them, by id.
        fidelity: env steps of a full run.
        num_seeds: how many seeds a full run has.
    """
    start = 0 if trial.parent is None else trials[trial.parent].fidelity
    num = num_seeds if trial.seeds is None else len(trial.seeds)
    return (trial.fidelity - start) / fidelity * num / num_seeds
