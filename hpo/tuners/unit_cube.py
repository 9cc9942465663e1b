"""Optimisers of points in the unit cube, such as `cmaes.CMA`, nevergrad's or scikit-optimize's, as tuners."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace

from arl import spaces
from arl.errors import InputError
from hpo.trial import Result, Trial, worst_score


class VectorTuner:
    """An optimiser that minimises over the unit cube, with an axis per hyperparameter in the space's order.

    Its `ask()` returns a point, or a candidate whose `value` is one; its `tell(point, loss)` takes the negated score. An
    optimiser with a `population_size` is told a list of so many `(point, loss)` at once, and asked for no more until then.
    A trial without a score counts as the worst so far; while there is none, an optimiser without a `population_size` is
    not told of it.

    Args:
        optimiser: of any class with `ask` and `tell`.
    """

    def __init__(self, optimiser: Any, space: ConfigurationSpace, fidelity: int):
        self.optimiser, self.space, self.fidelity = optimiser, space, fidelity
        self.population_size = int(getattr(optimiser, "population_size", 0))
        self.candidates: list[Any] = []
        self.waiting: list[Result] = []
        self.num_generations = 0
        self.worst: float | None = None

    def ask(self, n: int) -> list[Trial]:
        if self.population_size:
            n = min(n, self.population_size * (1 + self.num_generations) - len(self.candidates))
        return [self._trial(self.optimiser.ask()) for _ in range(n)]

    def tell(self, results: Sequence[Result]) -> None:
        self.worst = worst_score(results, self.worst)
        self.waiting += results
        if not self.population_size and self.worst is None:
            return
        size = self.population_size or 1
        while len(self.waiting) >= size:
            generation, self.waiting = self.waiting[:size], self.waiting[size:]
            self._tell_optimiser(generation)

    def _tell_optimiser(self, generation: Sequence[Result]) -> None:
        pairs = [(self.candidates[result.trial.id], self._loss(result)) for result in generation]
        self.num_generations += 1
        if self.population_size:
            self.optimiser.tell(pairs)
        else:
            self.optimiser.tell(*pairs[0])

    def _loss(self, result: Result) -> float:
        score = result.score if result.has_score else self.worst
        return -score if score is not None else 0.0

    def _trial(self, candidate: Any) -> Trial:
        point = np.asarray(getattr(candidate, "value", candidate), float)
        if point.shape != (len(self.space),):
            raise InputError(f"the optimiser must ask for points with {len(self.space)} axes, got {candidate!r}")
        self.candidates.append(candidate)
        config = spaces.from_unit(self.space, np.clip(point, 0.0, 1.0).tolist())
        return Trial(len(self.candidates) - 1, config, self.fidelity)


def from_vector(make: Callable[..., Any]) -> type[VectorTuner]:
    """Return a tuner class from a function that makes an optimiser.

    Args:
        make: is called with those of the keywords `dim`, `seed` and `budget` that it names: the number of
            hyperparameters, the tuner's seed (modulo 2^31), and the full runs that the sweep may spend.

    Example:
        >>> Mine = from_vector(lambda dim, seed: CMA(mean=np.full(dim, 0.5), sigma=0.3, seed=seed))
        >>> Other = from_vector(lambda dim: skopt.Optimizer([(0.0, 1.0)] * dim, random_state=0))
    """

    class Wrapped(VectorTuner):
        def __init__(self, space: ConfigurationSpace, fidelity: int, seed: int = 0, budget: float = 100.0):
            keywords = {"dim": len(space), "seed": seed % 2**31, "budget": budget}
            parameters = inspect.signature(make).parameters
            optimiser = make(**{name: value for name, value in keywords.items() if name in parameters})
            super().__init__(optimiser, space, fidelity)

    Wrapped.__doc__ = "An optimiser of the user's own over the unit cube."
    Wrapped.__name__ = Wrapped.__qualname__ = "Wrapped"
    return Wrapped
