"""Grid search: every combination of a few values per hyperparameter."""

import itertools
import math
from collections.abc import Iterator, Sequence

from arl import spaces
from arl.errors import InputError
from hpo.trial import Scalar, Trial


class Grid:
    """All values of categorical hyperparameters times `points` evenly spaced ones of numeric ones.

    `points`: by default the most for which the whole grid fits the budget; with one point, numeric hyperparameters stay
    at their defaults. Inactive hyperparameters do not multiply the grid: each config is asked once.
    """

    any_batch = True

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
    """The configs of the grid, the last hyperparameter varying fastest."""
    axes = _axes(space, points)
    return (spaces.repair(space, config) for config in _combinations(space, axes, list(axes), {}))


def _combinations(space, axes, names: Sequence[str], config: dict[str, Scalar]) -> Iterator[dict[str, Scalar]]:
    """Every way to go on from a config with values for those of these hyperparameters that are then active."""
    if not names:
        yield config
        return
    first, *rest = names
    values = [{first: value} for value in axes[first]] if spaces.active(space, first, config) else [{}]
    for value in values:
        yield from _combinations(space, axes, rest, {**config, **value})


def _axes(space, points: int) -> dict[str, list[Scalar]]:
    return {name: _axis(space[name], points) for name in space}


def _axis(hyperparameter, points: int) -> list[Scalar]:
    values = spaces.choices(hyperparameter)
    if values is not None:
        return values
    if points == 1:
        return [hyperparameter.default_value]
    return list(dict.fromkeys(hyperparameter.to_value(i / (points - 1)) for i in range(points)))


def _points_within(space, budget: float) -> int:
    return next((points for points in range(16, 0, -1) if _num_configs(space, points, budget) <= budget), 1)


def _num_configs(space, points: int, most: float) -> int:
    """How many configs the grid has, counted until there are more than `most`.

    Only the hyperparameters on which others depend are enumerated, the rest is multiplied: a grid may have billions.
    """
    axes, num = _axes(space, points), 0
    parents = [name for name in space if space.children_of[name]]
    others = [name for name in space if name not in parents]
    for config in _combinations(space, axes, parents, {}):
        num += math.prod(len(axes[name]) for name in others if spaces.active(space, name, config))
        if num > most:
            break
    return num
