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
from ConfigSpace.forbidden import ForbiddenConjunction, ForbiddenRelation
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    Hyperparameter,
    IntegerHyperparameter,
    NumericalHyperparameter,
    OrdinalHyperparameter,
)

from arl import text
from arl.errors import InputError, unknown
from arl.scalars import Scalar, plain, plain_value

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
    """Return a random config that depends on the seed alone, e.g. `[tuner seed, trial id]`. The space is reseeded."""
    space.seed(int(np.random.SeedSequence(list(seed)).generate_state(1)[0]))
    config = space.sample_configuration()
    return repair(space, config) if space.conditions else plain(config)  # it may hold inactive ones (ConfigSpace 1.2)


def default(space: ConfigurationSpace) -> dict[str, Scalar]:
    """Return the config of default values."""
    return repair(space, {})


def largest(hyperparameter: Hyperparameter) -> Scalar:
    """Return the largest value of a hyperparameter whose values are numbers; the default of another."""
    if isinstance(hyperparameter, NumericalHyperparameter):
        return plain_value(hyperparameter.upper)
    values = choices(hyperparameter) or []
    numbers = [value for value in values if type(value) in (int, float)]
    return max(numbers) if len(numbers) == len(values) else plain_value(hyperparameter.default_value)


def from_unit(space: ConfigurationSpace, point: Sequence[float]) -> dict[str, Scalar]:
    """Return the config at a point of the unit cube, `(hyperparameter,)` in the space's order, without inactive ones.

    Raises:
        InputError: the space forbids the config.
    """
    return repair(space, {name: value_at(space[name], u) for name, u in zip(space, point, strict=True)})


def to_unit(space: ConfigurationSpace, config: Mapping[str, Any]) -> list[float]:
    """Return a point of the unit cube, `(hyperparameter,)`, from which `from_unit` makes the config; 1/2 where inactive."""
    return [_place_of(space[name], config[name]) if name in config else 0.5 for name in space]


def repair(space: ConfigurationSpace, config: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return a config without its inactive hyperparameters, and with the defaults of active ones that are missing.

    Raises:
        InputError: an unknown name, an active hyperparameter's value that is out of range, or a config that the space
            forbids.
    """
    for name in config:
        if name not in space:
            raise unknown("hyperparameter of the space", name, space)
    chosen: dict[str, Any] = {}
    for name, hyperparameter in space.items():  # parents come before their children
        if is_active(space, name, chosen):
            chosen[name] = config.get(name, hyperparameter.default_value)
            if not hyperparameter.legal_value(chosen[name]):
                raise InputError(f"{name} must be {describe(hyperparameter)}, got {chosen[name]!r}")
    try:
        return plain(Configuration(space, values=chosen))
    except ForbiddenValueError as error:
        raise InputError(f"config must not be forbidden by the space, got {chosen!r}") from error


def from_row(space: ConfigurationSpace, row: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the config in a row of a table, whose missing values (None, NaN) are those of inactive hyperparameters.

    Values are in the types of their hyperparameters; those of names that are not in the space stay as they are.
    """
    present = {name: value for name, value in plain(row).items() if value is not None and value == value}
    return {name: _typed(space[name], value) if name in space else value for name, value in present.items()}


def _typed(hyperparameter: Hyperparameter, value: Any) -> Any:
    """Return the equal value in the hyperparameter's type: a column of integers or bools with gaps is read as floats."""
    choice = next((choice for choice in choices(hyperparameter) or () if choice == value), value)
    is_whole = isinstance(choice, float) and choice.is_integer()
    return int(choice) if is_whole and isinstance(hyperparameter, IntegerHyperparameter) else choice


def is_active(space: ConfigurationSpace, name: str, config: Mapping[str, Any]) -> bool:
    """Return whether a hyperparameter is active, by a config that holds the active ones before it in the space's order.

    ConfigSpace's functions for whole configs go wrong where a parent in a conjunction is inactive itself (1.2), so its
    conditions are asked one by one.
    """
    conditions = space.parent_conditions_of[name]
    return not conditions or all(condition.satisfied_by_vector(vector(space, config)) for condition in conditions)


def is_forbidden(space: ConfigurationSpace, config: Mapping[str, Any]) -> bool:
    """Return whether the space forbids a config, whatever the values of hyperparameters that it does not hold yet."""
    return any(
        set(_names(clause)) <= config.keys() and clause.is_forbidden_value(dict(config))
        for clause in space.forbidden_clauses
    )


def _names(clause: Any) -> list[str]:
    """Return the hyperparameters that a forbidden clause is about."""
    if isinstance(clause, ForbiddenConjunction):
        return [name for part in clause.components for name in _names(part)]
    if isinstance(clause, ForbiddenRelation):
        return [clause.left.name, clause.right.name]
    return [clause.hyperparameter.name]


def vector(space: ConfigurationSpace, config: Mapping[str, Any]) -> np.ndarray:
    """Return a config in ConfigSpace's numbers, `(hyperparameter,)`.

    A number is in [0, 1] on its hyperparameter's own scale, a choice is its position among the choices; NaN where a
    hyperparameter is missing.
    """
    return np.array([space[name].to_vector(config[name]) if name in config else np.nan for name in space])


def near_default(space: ConfigurationSpace) -> Iterator[dict[str, Scalar]]:
    """Yield the default config, then those that differ from it in one hyperparameter: every choice, or the two bounds.

    Configs that the space forbids are left out.
    """
    start = default(space)
    yield start
    for name in start:
        bounds = (value_at(space[name], 0.0), value_at(space[name], 1.0))
        for value in choices(space[name]) or bounds:
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


def _is_legal(hyperparameter: Hyperparameter, value: Any) -> bool:
    """Return whether a value is allowed; ConfigSpace takes `True` for 1 and 32.0 for 32, a config must not."""
    values = choices(hyperparameter)
    if values is not None:
        return any(type(choice) is type(value) and choice == value for choice in values)
    types = (int,) if isinstance(hyperparameter, IntegerHyperparameter) else (int, float)
    return type(value) in types and bool(hyperparameter.legal_value(value))


def describe(hyperparameter: Hyperparameter) -> str:
    """Return the allowed values in a few words, e.g. `in [1e-06, 0.1] (log)` or `one of tanh, relu`."""
    if isinstance(hyperparameter, NumericalHyperparameter):
        scale = " (log)" if hyperparameter.log else ""
        return f"in [{hyperparameter.lower:g}, {hyperparameter.upper:g}]{scale}"
    values = choices(hyperparameter) or []
    return f"one of {', '.join(map(text.scalar, values))}" if len(values) > 1 else text.scalar(values[0])


def to_optuna(hyperparameter: Hyperparameter) -> "BaseDistribution":
    """Return Optuna's form of a hyperparameter; the values of an ordinal one are categories."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(hyperparameter, NumericalHyperparameter):
        return CategoricalDistribution(choices(hyperparameter) or [])
    low, high = hyperparameter.lower, hyperparameter.upper
    if isinstance(hyperparameter, IntegerHyperparameter):
        return IntDistribution(int(low), int(high), log=hyperparameter.log)
    return FloatDistribution(float(low), float(high), log=hyperparameter.log)


def choices(hyperparameter: Hyperparameter) -> list[Scalar] | None:
    """Return all values of a categorical, ordinal or constant hyperparameter in order; None for a numeric one."""
    values = _VALUES.get(type(hyperparameter))
    return [plain_value(value) for value in values(hyperparameter)] if values is not None else None


def value_at(hyperparameter: Hyperparameter, u: float) -> Any:
    """Return the value at a place in the unit interval, which choices share equally and numbers fill on their scale."""
    values = choices(hyperparameter)
    if values is not None:
        return values[min(int(u * len(values)), len(values) - 1)]
    return hyperparameter.to_value(float(u))


def _place_of(hyperparameter: Hyperparameter, value: Any) -> float:
    """Return a place in the unit interval at which `value_at` gives a value, of choices the middle of their share."""
    values = choices(hyperparameter)
    return float(hyperparameter.to_vector(value)) if values is None else (values.index(value) + 0.5) / len(values)
