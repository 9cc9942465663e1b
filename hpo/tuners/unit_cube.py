"""Optimisers of points in the unit cube, such as `cmaes.CMA`, nevergrad's or scikit-optimize's, as tuners."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from arl import spaces
from arl.errors import InputError
from hpo.trial import Result, Trial
from hpo.tuners import scores


class Adapter:
    """An optimiser that minimises over the unit cube, with an axis per hyperparameter in the space's order.

    `ask()` gives a point, or a candidate whose `value` is one; `tell(point, loss)` brings what it is worth. An optimiser
    with a `population_size` is told a list of so many `(point, loss)` at once, and asked for no more until then.
    A trial without a score counts as the worst so far; while there is none, an optimiser without a `population_size` is not
    told of it.
    """

    def __init__(self, optimiser: Any, space, fidelity: int):
        self.optimiser, self.space, self.fidelity = optimiser, space, fidelity
        self.size = int(getattr(optimiser, "population_size", 0))
        self.points: list[Any] = []
        self.generation: list[Result] = []
        self.num_generations = 0
        self.worst: float | None = None

    def ask(self, n: int) -> list[Trial]:
        if self.size:
            n = min(n, self.size * (1 + self.num_generations) - len(self.points))
        return [self._trial(self.optimiser.ask()) for _ in range(n)]

    def tell(self, results: Sequence[Result]) -> None:
        self.worst = scores.worst(results, self.worst)
        self.generation += results
        size = self.size or 1
        if not self.size and self.worst is None:
            return
        while len(self.generation) >= size:
            told, self.generation = self.generation[:size], self.generation[size:]
            pairs = [(self.points[result.trial.id], self._loss(result)) for result in told]
            self.num_generations += 1
            if self.size:
                self.optimiser.tell(pairs)
            else:
                self.optimiser.tell(*pairs[0])

    def _loss(self, result: Result) -> float:
        score = result.score if scores.usable(result) else self.worst
        return -score if score is not None else 0.0

    def _trial(self, candidate: Any) -> Trial:
        point = np.asarray(getattr(candidate, "value", candidate), float)
        if point.shape != (len(self.space),):
            raise InputError(f"the optimiser must ask for points with {len(self.space)} axes, got {candidate!r}")
        self.points.append(candidate)
        config = spaces.from_unit(self.space, np.clip(point, 0.0, 1.0).tolist())
        return Trial(len(self.points) - 1, config, self.fidelity)


def from_vector(make: Callable[..., Any]) -> type[Adapter]:
    """A tuner class from a function that makes an optimiser; it gets those of `dim`, `seed` and `budget` that it names.

    Example:
        >>> Mine = from_vector(lambda dim, seed: CMA(mean=np.full(dim, 0.5), sigma=0.3, seed=seed))
        >>> Other = from_vector(lambda dim: skopt.Optimizer([(0.0, 1.0)] * dim, random_state=0))
    """

    class Wrapped(Adapter):
        def __init__(self, space, fidelity: int, seed: int = 0, budget: float = 100.0):
            context = {"dim": len(space), "seed": seed % 2**31, "budget": budget}
            named = inspect.signature(make).parameters
            optimiser = make(**{name: value for name, value in context.items() if name in named})
            super().__init__(optimiser, space, fidelity)

    Wrapped.__doc__ = "An optimiser of the user's own over the unit cube."
    Wrapped.__name__ = Wrapped.__qualname__ = "Wrapped"
    return Wrapped
