"""DEHB (Awad, Mallik & Hutter 2021): Hyperband's schedule, with differential evolution in place of random configs.

Written here because the package `dehb` (0.1.2) refuses numpy 2, and its older 0.1.1 brings a cluster scheduler with it.
Three things differ from the package. A rung's offspring are all made from the populations as they were when it began, where
it replaces members one by one; so the sizes of the asks change nothing. Configs climb in the first bracket only, where there
they climb in all brackets of the first Hyperband iteration. A parent pool of fewer than three takes in all members of all
populations, where there it takes in as many as it lacks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from arl import spaces
from arl.errors import InputError
from hpo.trial import Result, Trial
from hpo.tuners import brackets, hyperband

Point = np.ndarray  # in the unit cube, an axis per hyperparameter


class Member(NamedTuple):
    """One of a population: where it is and what it is worth at the population's fidelity."""

    point: Point
    worth: float


class Place(NamedTuple):
    """A trial to come: the place in its rung's population that it competes for, and in the first bracket who climbs."""

    trial_id: int
    slot: int
    promoted: Trial | None


class DEHB:
    """One population per rung, as large as the widest bracket needs it (section 4.1).

    The first bracket is plain successive halving and fills the populations (section 4.2); its promoted configs go on from
    their agents. All later trials are offspring, which are new configs, so each is trained from scratch.

    Args:
        eta: of how many configs one is promoted, and by what the fidelity grows.
        num_rungs: at most so many fidelities; fewer where the lowest would be below `min_fidelity`.
        mutation_factor: F, the weight of a difference of two members.
        crossover_rate: p, how likely a value is the mutant's.
        continued: whether a promoted config goes on from its agent (default) or is trained anew.
    """

    any_batch = True

    def __init__(
        self,
        space,
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
        brackets.check_continued(continued)
        for name, value in {"mutation_factor": mutation_factor, "crossover_rate": crossover_rate}.items():
            if type(value) not in (int, float) or not 0 <= value <= 1:
                raise InputError(f"{name} must be in [0, 1], got {value!r}")
        self.space, self.seed, self.continued = space, seed, continued
        self.mutation_factor, self.crossover_rate = mutation_factor, crossover_rate
        rungs = brackets.rungs(fidelity, eta, num_rungs, min_fidelity)
        env_steps = brackets.affordable_steps(budget, fidelity)
        self.brackets = list(hyperband.within(rungs, eta, lambda i: continued and i == 0, env_steps))
        if not self.brackets:
            raise InputError(f"budget must pay for a config that climbs all of {len(rungs)} rungs, got {budget:g}")
        self.populations: dict[int, list[Member | None]] = {rung: [None] * self._size(rung) for rung in rungs}
        self.next_slot = dict.fromkeys(rungs, 0)
        self.number, self.level, self.next_id = 0, 0, 0
        self.points: dict[int, Point] = {}
        self.places, self.waiting, self.results = list[Place](), list[Place](), list[Result]()
        self._open([None] * self.brackets[0].sizes[0])

    def ask(self, n: int) -> list[Trial]:
        asked, self.waiting = self.waiting[:n], self.waiting[n:]
        return [self._trial(place) for place in asked]

    def tell(self, results: Sequence[Result]) -> None:
        self.results += results
        if self.places and len(self.results) == len(self.places):
            self._select()
            self._next_rung()

    @property
    def rung(self) -> int:
        """The fidelity of the trials in hand."""
        return self.brackets[self.number].rungs[self.level]

    def _size(self, rung: int) -> int:
        """Trials of the widest bracket at a rung."""
        return max((b.sizes[b.rungs.index(rung)] for b in self.brackets if rung in b.rungs), default=0)

    def _next_rung(self) -> None:
        """Up, or on to the next bracket; in the first one the best climb, later ones have offspring at every rung."""
        best = [result.trial for result in brackets.ranked(self.results)]
        climbing = self.number == 0 and best != []
        if self.level + 1 < len(self.brackets[self.number].rungs) and (climbing or self.number > 0):
            self.level += 1
        else:
            self.number, self.level = self.number + 1, 0
        if self.number == len(self.brackets):
            self._open([])
        elif self.number == 0:
            self._open(list(best[: self.brackets[0].sizes[self.level]]))
        else:
            self._open([None] * self.brackets[self.number].sizes[self.level])

    def _open(self, promoted: Sequence[Trial | None]) -> None:
        """Places for so many trials, each against the next member of the population in turn."""
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
        """The parent pool: at a bracket's lowest rung its own population, which makes it plain differential evolution;
        above, the best of the rung below, as many as the bracket has places (section 4.3).
        """
        if self.level == 0:
            return self._members(self.rung)
        below = self.brackets[self.number].rungs[self.level - 1]
        best = sorted(self._members(below), key=lambda member: -member.worth)
        return best[: self.brackets[self.number].sizes[self.level]]

    def _members(self, rung: int) -> list[Member]:
        return [member for member in self.populations[rung] if member is not None]

    def _trial(self, place: Place) -> Trial:
        if place.promoted is not None:
            self.points[place.trial_id] = self.points[place.promoted.id]
            parent = place.promoted.id if self.continued else None
            return Trial(place.trial_id, place.promoted.config, self.rung, parent)
        rng = np.random.default_rng([self.seed, place.trial_id])
        self.points[place.trial_id] = point = self._random(rng) if self.number == 0 else self._offspring(place, rng)
        return Trial(place.trial_id, spaces.from_unit(self.space, point.tolist()), self.rung)

    def _offspring(self, place: Place, rng: np.random.Generator) -> Point:
        """Of the member in this place, or of a random point where there is none yet."""
        target = self.populations[self.rung][place.slot]
        others = [member.point for member in self.parents if member is not target]
        if len(others) < 3:  # a pool too small takes from all populations
            everyone = [member for rung in self.populations for member in self._members(rung)]
            others += [m.point for m in everyone if m is not target and not any(m is p for p in self.parents)]
        others += [self._random(rng) for _ in range(3 - len(others))]
        one, two, three = (others[i] for i in rng.choice(len(others), 3, replace=False))
        mutant = inside(mutate(one, two, three, self.mutation_factor), rng)
        return crossover(target.point if target else self._random(rng), mutant, self.crossover_rate, rng)

    def _random(self, rng: np.random.Generator) -> Point:
        return rng.random(len(self.space))

    def _select(self) -> None:
        """A trial takes its place if it is worth at least as much as the member there (section 3.1, selection)."""
        population, worth = self.populations[self.rung], {r.trial.id: brackets.worth(r) for r in self.results}
        for place in self.places:
            member = population[place.slot]
            if member is None or worth[place.trial_id] >= member.worth:
                population[place.slot] = Member(self.points[place.trial_id], worth[place.trial_id])


def mutate(one: Point, two: Point, three: Point, factor: float) -> Point:
    """rand/1: `v = x_r1 + F (x_r2 - x_r3)` (section 3.1, mutation)."""
    return one + factor * (two - three)


def inside(point: Point, rng: np.random.Generator) -> Point:
    """Values outside the unit cube drawn anew, uniformly (section 4.4)."""
    return np.where((point < 0) | (point > 1), rng.random(len(point)), point)


def crossover(target: Point, mutant: Point, rate: float, rng: np.random.Generator) -> Point:
    """Binomial: each value is the mutant's with probability p, one of them always (section 3.1, crossover)."""
    taken = rng.random(len(target)) <= rate
    taken[rng.integers(len(target))] = True
    return np.where(taken, mutant, target)
