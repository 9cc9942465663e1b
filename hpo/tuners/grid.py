"""Grid search: every combination of a few values per hyperparameter."""

import contextlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import Hyperparameter

from arl import spaces
from arl.errors import InputError
from arl.scalars import Scalar
from hpo.trial import Result, Trial
from hpo.tuners import options

MOST_POINTS = 16  # per numeric hyperparameter, where the budget decides

Axes = Mapping[str, Sequence[Scalar]]


class Grid:
    """All values of categorical hyperparameters times `points` evenly spaced ones of numeric hyperparameters.

    Inactive hyperparameters do not multiply the grid: each config is asked for once.

    Args:
        points: values per numeric hyperparameter, on its own scale from bound to bound; with one point, it stays at its
            default. By default the most, up to 16, for which the whole grid fits the budget.
    """

    any_batch = True
    asynchronous = True

    def __init__(self, space: ConfigurationSpace, fidelity: int, budget: float, points: int | None = None):
        points = points if points is not None else _points_within(space, budget)
        options.check_whole("points", points)
        self.trials = (Trial(i, config, fidelity) for i, config in enumerate(_configs(space, points)))

    def ask(self, n: int) -> list[Trial]:
        return list(itertools.islice(self.trials, n))

    def tell(self, results: Sequence[Result]) -> None:
        """Ignore the results: the grid does not depend on them."""


def _configs(space: ConfigurationSpace, points: int) -> Iterator[dict[str, Scalar]]:
    """Yield the configs of the grid that the space does not forbid, the last hyperparameter varying fastest."""
    axes = _axes(space, points)
    for config in _combinations(space, axes, list(axes), {}):
        with contextlib.suppress(InputError):
            yield spaces.repair(space, config)


def _combinations(
    space: ConfigurationSpace, axes: Axes, names: Sequence[str], config: dict[str, Scalar]
) -> Iterator[dict[str, Scalar]]:
    """Yield the config with each combination of values of those hyperparameters among `names` that are then active.

    A combination that is forbidden whatever comes after it is left at once: there may be billions of them.
    """
    if spaces.is_forbidden(space, config):
        return
    if not names:
        yield config
        return
    first, *rest = names
    values = [{first: value} for value in axes[first]] if spaces.is_active(space, first, config) else [{}]
    for value in values:
        yield from _combinations(space, axes, rest, {**config, **value})


def _axes(space: ConfigurationSpace, points: int) -> Axes:
    return {name: _axis(space[name], points) for name in space}


def _axis(hyperparameter: Hyperparameter, points: int) -> list[Scalar]:
    """Return the values of a hyperparameter on the grid; of integers close to each other, each once."""
    values = spaces.choices(hyperparameter)
    if values is not None:
        return values
    if points == 1:
        return [hyperparameter.default_value]
    return list(dict.fromkeys(hyperparameter.to_value(i / (points - 1)) for i in range(points)))


def _points_within(space: ConfigurationSpace, budget: float) -> int:
    """Return the most points per numeric hyperparameter whose grid the budget pays for; 1 if it pays for none."""
    return next((points for points in range(MOST_POINTS, 0, -1) if _num_configs(space, points, budget) <= budget), 1)


def _num_configs(space: ConfigurationSpace, points: int, most: float) -> int:
    """Return how many configs the grid has, counted until there are more than `most`.

    Only the hyperparameters on which others depend are enumerated, the rest is multiplied: a grid may have billions.
    """
    axes, num = _axes(space, points), 0
    parents = [name for name in space if space.children_of[name]]
    others = [name for name in space if name not in parents]
    for config in _combinations(space, axes, parents, {}):
        num += math.prod(len(axes[name]) for name in others if spaces.is_active(space, name, config))
        if num > most:
            break
    return num
