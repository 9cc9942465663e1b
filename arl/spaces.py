"""Search spaces as ConfigSpace objects, and configs in and out of them.

Configs that cross the border to tuners, stores and users are dicts of plain Python scalars that hold active
hyperparameters only; `plain` and `repair` make them so.
"""

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from ConfigSpace.exceptions import ForbiddenValueError
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    IntegerHyperparameter,
    OrdinalHyperparameter,
)

from arl.errors import InputError, unknown
from arl.scalars import Scalar, plain

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_VALUES: dict[type, Callable[[Any], Sequence[Any]]] = {
    CategoricalHyperparameter: lambda hyperparameter: hyperparameter.choices,
    OrdinalHyperparameter: lambda hyperparameter: hyperparameter.sequence,
    Constant: lambda hyperparameter: [hyperparameter.value],
}


def from_json(space: Mapping[str, Any]) -> ConfigurationSpace:
    """Return the space that ConfigSpace's own JSON form describes, as `to_serialized_dict` gives it."""
    return ConfigurationSpace.from_serialized_dict(copy.deepcopy(dict(space)))  # it takes the dict apart (1.2)


def sample(space: ConfigurationSpace, seed: Sequence[int]) -> dict[str, Scalar]:
    """A random config that depends on the seed alone, e.g. `[tuner seed, trial id]`; reseeds the space."""
    space.seed(int(np.random.SeedSequence(list(seed)).generate_state(1)[0]))
    drawn = space.sample_configuration()
    return repair(space, drawn) if space.conditions else plain(drawn)  # it may hold inactive ones (ConfigSpace 1.2)


def default(space: ConfigurationSpace) -> dict[str, Scalar]:
    """The config of default values."""
    return repair(space, {})


def largest(hyperparameter: Any) -> Scalar:
    """The largest value of a hyperparameter that is a number; of another, the default."""
    values = choices(hyperparameter)
    if values is None:
        return plain({"value": hyperparameter.upper})["value"]
    numbers = [value for value in values if type(value) in (int, float)]
    return max(numbers) if len(numbers) == len(values) else plain({"value": hyperparameter.default_value})["value"]


def from_unit(space: ConfigurationSpace, point: Sequence[float]) -> dict[str, Scalar]:
    """The config at a point of the unit cube, an axis per hyperparameter in the space's order; inactive ones are dropped."""
    return repair(space, {name: at(space[name], u) for name, u in zip(space, point, strict=True)})


def repair(space: ConfigurationSpace, config: Mapping[str, Any]) -> dict[str, Scalar]:
    """A config made valid where conditions between hyperparameters make it not: inactive ones dropped, active ones that
    are missing set to their defaults.

    Raises:
        InputError: an unknown name, an active hyperparameter's value that is out of range, or a config that the space
            forbids.
    """
    for name in config:
        if name not in space:
            raise unknown("hyperparameter of the space", name, space)
    chosen: dict[str, Any] = {}
    for name, hyperparameter in space.items():  # parents come before their children
        if active(space, name, chosen):
            chosen[name] = config.get(name, hyperparameter.default_value)
            if not hyperparameter.legal_value(chosen[name]):
                raise InputError(f"{name} must be {describe(hyperparameter)}, got {chosen[name]!r}")
    try:
        return plain(Configuration(space, values=chosen))
    except ForbiddenValueError as error:
        raise InputError(f"config must not be forbidden by the space, got {chosen!r}") from error


def from_row(space: ConfigurationSpace, row: Mapping[str, Any]) -> dict[str, Scalar]:
    """A config as a row of a table holds it: without what is missing (None, NaN), in the types of its hyperparameters."""
    return {
        name: _typed(space, name, value) for name, value in plain(row).items() if value is not None and value == value
    }


def _typed(space: ConfigurationSpace, name: str, value: Any) -> Any:
    """The value, or the equal one of the hyperparameter's own type: a column with gaps is read as floats."""
    if name not in space:
        return value
    values = choices(space[name])
    if values is not None:
        return next((known for known in values if known == value), value)
    whole = isinstance(space[name], IntegerHyperparameter) and isinstance(value, float) and value.is_integer()
    return int(value) if whole else value


def active(space: ConfigurationSpace, name: str, config: Mapping[str, Any]) -> bool:
    """Whether a hyperparameter is active by a config that holds the active ones before it in the space's order.

    By ConfigSpace's own conditions, but not by its functions for whole configs, which go wrong where a parent in a
    conjunction is inactive itself (1.2).
    """
    conditions = space.parent_conditions_of[name]
    return not conditions or all(condition.satisfied_by_vector(vector(space, config)) for condition in conditions)


def vector(space: ConfigurationSpace, config: Mapping[str, Any]) -> np.ndarray:
    """Return a config in ConfigSpace's numbers, `(hyperparameter,)`.

    A number is in [0, 1] on its hyperparameter's own scale, a choice is its position among the choices; NaN where a
    hyperparameter is missing.
    """
    return np.array([space[name].to_vector(config[name]) if name in config else np.nan for name in space])


def near_default(space: ConfigurationSpace) -> Iterator[dict[str, Scalar]]:
    """The default config, then those that differ from it in one hyperparameter: every category, or the two bounds.

    Those that the space forbids are left out.
    """
    yield (start := default(space))
    for name in start:
        values = choices(space[name])
        for value in values if values is not None else (at(space[name], 0.0), at(space[name], 1.0)):
            with contextlib.suppress(InputError):
                yield repair(space, {**start, name: value})


def encode(space: ConfigurationSpace, config: Mapping[str, Any]) -> np.ndarray:
    """Return a config as numbers in [0, 1] whose distances mean something, `(column,)`.

    A numeric hyperparameter is a column, the inverse of `from_unit`; inactive it is at -1/2. Another is a column per choice,
    so that two choices are 1 apart in the sum of differences.
    """
    columns: list[float] = []
    for hyperparameter, number in zip(space.values(), vector(space, config), strict=True):
        values = choices(hyperparameter)
        if values is not None:
            columns += [0.5 * (i == number) for i in range(len(values))]
        else:
            columns.append(-0.5 if np.isnan(number) else float(number))
    return np.array(columns)


def check(space: ConfigurationSpace, config: Mapping[str, Any]) -> None:
    """Refuse a config that is not in the space.

    Raises:
        InputError: an unknown name, a value that is out of range or of the wrong type, or a missing or inactive one.
    """
    for name, value in config.items():
        if name not in space:
            raise unknown("hyperparameter of the space", name, space)
        if not _is_legal(space[name], value):
            raise InputError(f"{name} must be {describe(space[name])}, got {value!r}")
    if len(config) == len(space) and not space.conditions and not space.forbidden_clauses:
        return
    try:
        Configuration(space, values=dict(config))
    except Exception as error:  # ConfigSpace's errors share no base class
        raise InputError(f"config {dict(config)!r} is not in the space: {' '.join(str(error).split())}") from error


def _is_legal(hyperparameter: Any, value: Any) -> bool:
    """Whether a value is allowed; ConfigSpace takes `True` for 1 and 32.0 for 32, a config must not."""
    values = choices(hyperparameter)
    if values is not None:
        return any(type(known) is type(value) and known == value for known in values)
    types = (int,) if isinstance(hyperparameter, IntegerHyperparameter) else (int, float)
    return type(value) in types and bool(hyperparameter.legal_value(value))


def describe(hyperparameter: Any) -> str:
    """The allowed values in a few words."""
    values = choices(hyperparameter)
    if values is not None:
        return f"one of {', '.join(map(str, values))}" if len(values) > 1 else str(values[0])
    scale = " (log)" if getattr(hyperparameter, "log", False) else ""
    return f"in [{hyperparameter.lower:g}, {hyperparameter.upper:g}]{scale}"


def to_optuna(hyperparameter: Any) -> "BaseDistribution":
    """Return Optuna's form of a hyperparameter; the values of an ordinal one are categories."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    values = choices(hyperparameter)
    if values is not None:
        return CategoricalDistribution(values)
    low, high, log = hyperparameter.lower, hyperparameter.upper, bool(getattr(hyperparameter, "log", False))
    if isinstance(hyperparameter, IntegerHyperparameter):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(float(low), float(high), log=log)


def choices(hyperparameter: Any) -> list[Scalar] | None:
    """All values of a categorical, ordinal or constant hyperparameter in order; None for a numeric one."""
    values = _VALUES.get(type(hyperparameter))
    if values is None:
        return None
    return [value.item() if isinstance(value, np.generic) else value for value in values(hyperparameter)]


def at(hyperparameter: Any, u: float) -> Any:
    """The value at a place in the unit interval."""
    values = choices(hyperparameter)
    if values is not None:
        return values[min(int(u * len(values)), len(values) - 1)]
    return hyperparameter.to_value(float(u))
