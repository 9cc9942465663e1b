"""DEHB (Awad, Mallik & Hutter 2021): Hyperband's schedule, with differential evolution in place of random configs.

Written here because the package `dehb` (0.1.2) refuses numpy 2, and its older 0.1.1 brings a cluster scheduler with it.
Three things differ from the package:

- All offspring of a rung are made from the populations as they were when the rung began; the package replaces members one
  by one. So the sizes of the asks change nothing.
- Configs climb in the first bracket only; in the package, in all brackets of the first Hyperband iteration.
- A parent pool of fewer than three takes in all members of all populations; in the package, as many as it lacks.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ConfigSpace import ConfigurationSpace

from arl import spaces
from hpo.trial import Result, Trial
from hpo.tuners import brackets, hyperband, options

Point = np.ndarray  # in the unit cube, an axis per hyperparameter


class Member(NamedTuple):
    """A member of a population: its point and its worth at the population's fidelity."""

    point: Point
    worth: float


class Place(NamedTuple):
    """A trial to come.

    Attributes:
        trial_id: its id.
        slot: the place in its rung's population that it competes for.
        promoted: in the first bracket, the trial whose config climbs.
    """

    trial_id: int
    slot: int
    promoted: Trial | None


class DEHB:
    """One population per rung, as large as the widest bracket needs it (section 4.1).

    The first bracket is plain successive halving and fills the populations (section 4.2); its promoted configs go on from
    their agents. All later trials are offspring, which are new configs, so each is trained from scratch.

    Args:
        budget: full runs.
        eta: one in `eta` configs is promoted, to `eta` times the fidelity (Li et al. 2018 suggest 3 or 4).
        num_rungs: at most so many fidelities; fewer where the lowest would be below `min_fidelity`.
        min_fidelity: env steps.
        mutation_factor: F, the weight of a difference of two members; 0.5 is the paper's.
        crossover_rate: p, how likely a value is the mutant's; 0.5 is the paper's.
        continued: whether a promoted config goes on from its agent (default) or is trained anew.
    """

    any_batch = True
    has_fidelities = True

    def __init__(
        self,
        space: ConfigurationSpace,
        fidelity: int,
        budget: float,
        seed: int = 0,
        eta: float = 3,
        num_rungs: int = 4,
        min_fidelity: int = 1,
        mutation_factor: float = 0.5,
        crossover_rate: float = 0.5,
        continued: bool = True,
    ):
        options.check_share("mutation_factor", mutation_factor)
        options.check_share("crossover_rate", crossover_rate)
        self.space, self.seed = space, seed
        self.mutation_factor, self.crossover_rate = mutation_factor, crossover_rate
        ladder = brackets.ladder(fidelity, budget, eta, num_rungs, min_fidelity, continued)
        only_the_first = itertools.chain([continued], itertools.repeat(False))
        self.brackets = hyperband.within_budget(ladder, only_the_first)
        self.populations: dict[int, list[Member | None]] = {rung: [None] * self._size(rung) for rung in ladder.rungs}
        self.next_slot = dict.fromkeys(ladder.rungs, 0)
        self.number, self.level, self.next_id = 0, 0, 0
        self.points: dict[int, Point] = {}
        self.earlier = list[Result]()
        self.places, self.waiting, self.results = list[Place](), list[Place](), list[Result]()
        self._open([None] * self.brackets[0].sizes[0])

    def ask(self, n: int) -> list[Trial]:
        asked, self.waiting = self.waiting[:n], self.waiting[n:]
        return [self._trial(place) for place in asked]

    def warm_start(self, results: Sequence[Result]) -> None:
        """Begin the population of the full fidelity with the best configs, as many as it has places."""
        self.earlier += results
        population = self.populations[max(self.populations)]
        for slot, result in zip(range(len(population)), brackets.ranked(self.earlier), strict=False):
            point = np.array(spaces.to_unit(self.space, result.trial.config))
            population[slot] = Member(point, result.score)

    def tell(self, results: Sequence[Result]) -> None:
        self.results += results
        if self.places and len(self.results) == len(self.places):
            self._select()
            self._next_rung()

    @property
    def bracket(self) -> brackets.Bracket:
        """The bracket of the present trials."""
        return self.brackets[self.number]

    @property
    def rung(self) -> int:
        """The fidelity of the present trials."""
        return self.bracket.rungs[self.level]

    def _size(self, rung: int) -> int:
        """Return the number of trials that the widest bracket has at a rung."""
        return max((b.sizes[b.rungs.index(rung)] for b in self.brackets if rung in b.rungs), default=0)

    def _next_rung(self) -> None:
        """Go up a rung, or on to the next bracket. In the first the best climb; later ones have offspring at every rung."""
        best = [result.trial for result in brackets.ranked(self.results)]
        is_climbing = self.number == 0 and best != []
        if self.level + 1 < len(self.bracket.rungs) and (is_climbing or self.number > 0):
            self.level += 1
        else:
            self.number, self.level = self.number + 1, 0
        if self.number == len(self.brackets):
            self._open([])
        elif self.number == 0:
            self._open(list(best[: self.bracket.sizes[self.level]]))
        else:
            self._open([None] * self.bracket.sizes[self.level])

    def _open(self, promoted: Sequence[Trial | None]) -> None:
        """Make a place for each trial, against the next member of the population in turn."""
        self.results = []
        self.places = [
            Place(self.next_id + i, (self.next_slot[self.rung] + i) % len(self.populations[self.rung]), trial)
            for i, trial in enumerate(promoted)
        ]
        self.waiting = list(self.places)
        self.next_id += len(promoted)
        if promoted:
            self.next_slot[self.rung] += len(promoted)
            self.parents = self._parents()

    def _parents(self) -> list[Member]:
        """Return the parent pool (section 4.3).

        At a bracket's lowest rung it is the rung's population, which makes plain differential evolution. Above, it is the
        best of the rung below, as many as the bracket has places.
        """
        if self.level == 0:
            return self._members(self.rung)
        lower = self.bracket.rungs[self.level - 1]
        best = sorted(self._members(lower), key=lambda member: -member.worth)
        return best[: self.bracket.sizes[self.level]]

    def _members(self, rung: int) -> list[Member]:
        return [member for member in self.populations[rung] if member is not None]

    def _trial(self, place: Place) -> Trial:
        if place.promoted is not None:
            self.points[place.trial_id] = self.points[place.promoted.id]
            parent = place.promoted.id if self.bracket.continued else None
            return Trial(place.trial_id, place.promoted.config, self.rung, parent)
        rng = np.random.default_rng([self.seed, place.trial_id])
        self.points[place.trial_id] = point = self._random(rng) if self.number == 0 else self._offspring(place, rng)
        return Trial(place.trial_id, spaces.from_unit(self.space, point.tolist()), self.rung)

    def _offspring(self, place: Place, rng: np.random.Generator) -> Point:
        """Return the offspring of the member in this place, or of a random point if the place is empty."""
        target = self.populations[self.rung][place.slot]
        pool = self._pool(target)
        pool += [self._random(rng) for _ in range(3 - len(pool))]
        base, plus, minus = (pool[i] for i in rng.choice(len(pool), 3, replace=False))
        mutant = inside(mutate(base, plus, minus, self.mutation_factor), rng)
        return crossover(target.point if target else self._random(rng), mutant, self.crossover_rate, rng)

    def _pool(self, target: Member | None) -> list[Point]:
        """Return the points of all parents but the target; if these are fewer than three, also those of all populations."""
        pool = [member.point for member in self.parents if member is not target]
        if len(pool) < 3:
            everyone = [member for rung in self.populations for member in self._members(rung)]
            pool += [m.point for m in everyone if m is not target and not any(m is p for p in self.parents)]
        return pool

    def _random(self, rng: np.random.Generator) -> Point:
        return rng.random(len(self.space))

    def _select(self) -> None:
        """Put each trial in its place if it is worth at least as much as the member there (section 3.1, selection)."""
        population = self.populations[self.rung]
        worths = {result.trial.id: brackets.worth(result) for result in self.results}
        for place in self.places:
            member, worth = population[place.slot], worths[place.trial_id]
            if member is None or worth >= member.worth:
                population[place.slot] = Member(self.points[place.trial_id], worth)


def mutate(base: Point, plus: Point, minus: Point, factor: float) -> Point:
    """Return the mutant of rand/1, `v = x_r1 + F (x_r2 - x_r3)` (section 3.1, mutation)."""
    return base + factor * (plus - minus)


def inside(point: Point, rng: np.random.Generator) -> Point:
    """Return the point with its values outside the unit interval drawn anew, uniformly (section 4.4)."""
    return np.where((point < 0) | (point > 1), rng.random(len(point)), point)


def crossover(target: Point, mutant: Point, rate: float, rng: np.random.Generator) -> Point:
    """Return the offspring of a binomial crossover (section 3.1, crossover).

    Each value is the mutant's with probability `rate`, the paper's p; at least one of them is.
    """
    is_mutant = rng.random(len(target)) <= rate
    is_mutant[rng.integers(len(target))] = True
    return np.where(is_mutant, mutant, target)
