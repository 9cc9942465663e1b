"""Conversion of configs to actions of the AutoRL environments, and back.

An action chooses the hyperparameters that may change in mid-run; the others stay as they are. A flat action is a point of the
unit cube, with an axis per hyperparameter on its own scale; otherwise it is a dict of numbers, and of indices of categories.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from ConfigSpace.hyperparameters import IntegerHyperparameter

from arl import spaces
from arl.errors import InputError, unknown
from arl.scalars import Scalar
from hpo.tasks import Task


class ActionCodec:
    """Converts the actions of an environment to configs of its task, and back.

    Args:
        task: the task whose hyperparameters the actions choose.
        fixed: values of hyperparameters that no action changes, also of static ones; the rest keep the task's values.
        flat: whether an action is a point of the unit cube, or a dict.

    Raises:
        InputError: an unknown hyperparameter, a value outside its domain, or none that an action could change.
    """

    def __init__(self, task: Task, fixed: Mapping[str, Scalar], flat: bool):
        self.fixed, self.flat, self.space = dict(fixed), flat, task.space
        others = {name: value for name, value in fixed.items() if name not in task.space}
        self.task = dataclasses.replace(task, fixed={**task.fixed, **others})
        self.task.full(self.fixed)
        self.controlled = self._controlled()

    def _controlled(self) -> list[str]:
        """Return the hyperparameters that an action chooses: not fixed, mutable in mid-run, and active under some action."""
        active, chosen = self.repaired({}), []
        for name in self.space:
            values = spaces.choices(self.space[name])
            free = name in self.task.mutable and name not in self.fixed and (values is None or len(values) > 1)
            if free and (name in active or any(parent.name in chosen for parent in self.space.parents_of[name])):
                chosen.append(name)
        if not chosen:
            raise InputError(f"task {self.task.name!r} must have a hyperparameter that may change in mid-run, got none")
        return chosen

    def extremes(self) -> list[dict[str, Scalar]]:
        """Return the default config, and each config that differs from it in one hyperparameter, at an end of its range."""
        ends = [(name, u) for name in self.controlled for u in (0.0, 1.0)]
        changes = [{name: spaces.value_at(self.space[name], u)} for name, u in ends]
        return [self.repaired({}), *(self.repaired(change) for change in changes)]

    def repaired(self, values: Mapping[str, Any]) -> dict[str, Scalar]:
        """Return the config with these values; other active hyperparameters are as fixed, or at their defaults."""
        fixed = {name: value for name, value in self.fixed.items() if name in self.space}
        return spaces.repair(self.space, {**fixed, **values})

    def full(self, config: Mapping[str, Scalar]) -> Any:
        """Return the algorithm's complete config."""
        return self.task.full(config)

    def action_space(self) -> gymnasium.Space:
        """Return the space of actions."""
        if self.flat:
            return gymnasium.spaces.Box(0.0, 1.0, (len(self.controlled),), np.float32)
        return gymnasium.spaces.Dict({name: _axis(self.space[name]) for name in self.controlled})

    def config(self, action: Any) -> dict[str, Scalar]:
        """Return the config that an action chooses, with the hyperparameters that no action changes.

        Raises:
            InputError: the action is not in the action space.
        """
        if self.flat:
            return self.repaired(self._values_at(np.asarray(action, float), action))
        if not isinstance(action, Mapping) or set(action) != set(self.controlled):
            raise InputError(f"action must have the entries {', '.join(self.controlled)}, got {action!r}")
        return self.repaired({name: _value(self.space[name], action[name]) for name in self.controlled})

    def _values_at(self, point: np.ndarray, action: Any) -> dict[str, Scalar]:
        if point.shape != (len(self.controlled),) or not np.all((point >= 0.0) & (point <= 1.0)):
            raise InputError(f"action must be {len(self.controlled)} numbers in [0, 1], got {action!r}")
        return {name: spaces.value_at(self.space[name], u) for name, u in zip(self.controlled, point, strict=True)}

    def action(self, config: Mapping[str, Scalar]) -> Any:
        """Return the action that chooses a config, or the default for what it leaves out.

        Raises:
            InputError: a hyperparameter that an action does not choose, or a value out of range.
        """
        for name in config:
            if name not in self.controlled:
                raise unknown("hyperparameter of an action", name, self.controlled)
        values = {name: self.space[name].default_value for name in self.controlled} | self.repaired(config)
        if self.flat:
            return np.array([_place(self.space[name], values[name]) for name in self.controlled], np.float32)
        return {name: _index(self.space[name], values[name]) for name in self.controlled}


def _axis(hyperparameter: Any) -> gymnasium.Space:
    """Return the Gymnasium space of one hyperparameter: a number, or the index of a category."""
    values = spaces.choices(hyperparameter)
    if values is not None:
        return gymnasium.spaces.Discrete(len(values))
    low, high = hyperparameter.lower, hyperparameter.upper
    if isinstance(hyperparameter, IntegerHyperparameter):
        return gymnasium.spaces.Discrete(int(high - low + 1), start=int(low))
    return gymnasium.spaces.Box(float(low), float(high), (), np.float64)


def _value(hyperparameter: Any, entry: Any) -> Any:
    """Return the value that an entry of an action stands for; an index without a category is refused."""
    values = spaces.choices(hyperparameter)
    number = np.asarray(entry).item()
    if values is None:
        return int(number) if isinstance(hyperparameter, IntegerHyperparameter) else float(number)
    if number not in range(len(values)):
        raise InputError(f"{hyperparameter.name} must be an index below {len(values)}, got {entry!r}")
    return values[number]


def _index(hyperparameter: Any, value: Any) -> Any:
    """Return the entry of an action that stands for a value."""
    values = spaces.choices(hyperparameter)
    if values is not None:
        return np.int64(values.index(value))
    return np.int64(value) if isinstance(hyperparameter, IntegerHyperparameter) else np.array(float(value))


def _place(hyperparameter: Any, value: Any) -> float:
    """Return the place of a value in the unit interval; a category has an equal part of it and stands at its middle."""
    values = spaces.choices(hyperparameter)
    return (values.index(value) + 0.5) / len(values) if values is not None else float(hyperparameter.to_vector(value))
