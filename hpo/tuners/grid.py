"""Grid search: every combination of a few values per hyperparameter."""

import itertools
import math
from collections.abc import Iterator

from envs.errors import InputError
from hpo import spaces
from hpo.trial import Scalar, Trial


class Grid:
    """All values of categorical hyperparameters times `points` evenly spaced ones of numeric ones.

    `points`: by default the most for which the whole grid fits the budget; with one point, numeric hyperparameters stay
    at their defaults. Combinations that conditions make equal are asked once.
    """

    def __init__(self, space, fidelity: int, budget: float, points: int | None = None):
        points = points if points is not None else _points_within(space, budget)
        if type(points) is not int or points < 1:
            raise InputError(f"points must be a whole number of at least 1, got {points!r}")
        self.trials = (Trial(i, config, fidelity) for i, config in enumerate(_configs(space, points)))

    def ask(self, n: int) -> list[Trial]:
        return list(itertools.islice(self.trials, n))

    def tell(self, results) -> None:
        pass


def _configs(space, points: int) -> Iterator[dict[str, Scalar]]:
    """The distinct configs of the grid, the last hyperparameter varying fastest."""
    seen = set()
    for values in itertools.product(*(_axis(space[name], points) for name in space)):
        config = spaces.repair(space, dict(zip(space, values, strict=True)))
        if (key := tuple(config.items())) not in seen:
            seen.add(key)
            yield config


def _axis(hyperparameter, points: int) -> list[Scalar]:
    values = spaces.choices(hyperparameter)
    if values is not None:
        return values
    if points == 1:
        return [hyperparameter.default_value]
    return list(dict.fromkeys(hyperparameter.to_value(i / (points - 1)) for i in range(points)))


def _points_within(space, budget: float) -> int:
    fitting = (
        points for points in range(16, 0, -1) if math.prod(len(_axis(space[name], points)) for name in space) <= budget
    )
    return next(fitting, 1)
