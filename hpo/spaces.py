"""Search spaces as ConfigSpace objects, and configs in and out of them.

Configs that cross the border to tuners, stores and users are dicts of plain Python scalars that hold active
hyperparameters only; `plain` and `repair` make them so.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, Integer
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    IntegerHyperparameter,
    OrdinalHyperparameter,
)
from ConfigSpace.types import NotSet
from ConfigSpace.util import deactivate_inactive_hyperparameters

from envs.errors import InputError, unknown
from hpo.trial import Scalar


def plain(config: Mapping[str, Any]) -> dict[str, Scalar]:
    """A config as plain Python scalars; ConfigSpace's values are numpy's."""
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in dict(config).items()}


def sample(space: ConfigurationSpace, seed: Sequence[int]) -> dict[str, Scalar]:
    """A random config that depends on the seed alone, e.g. `[tuner seed, trial id]`."""
    space = copy.deepcopy(space)
    space.seed(int(np.random.SeedSequence(list(seed)).generate_state(1)[0]))
    return plain(space.sample_configuration())


def default(space: ConfigurationSpace) -> dict[str, Scalar]:
    """The config of default values."""
    return plain(space.get_default_configuration())


def from_unit(space: ConfigurationSpace, point: Sequence[float]) -> dict[str, Scalar]:
    """The config at a point of the unit cube, an axis per hyperparameter in the space's order; inactive ones are dropped."""
    return repair(space, {name: _at(space[name], u) for name, u in zip(space, point, strict=True)})


def repair(space: ConfigurationSpace, config: Mapping[str, Any]) -> dict[str, Scalar]:
    """A config made valid where conditions between hyperparameters make it not: inactive ones dropped, active ones that
    are missing set to their defaults.
    """
    full = {**{name: space[name].default_value for name in space}, **config}
    return plain(deactivate_inactive_hyperparameters(full, space))


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


def is_active(space: ConfigurationSpace, name: str, config: Mapping[str, Any]) -> bool:
    """Whether a hyperparameter is active in a config that holds the active ones among those before it."""
    values = {**dict.fromkeys(space, NotSet), **config}
    return all(condition.satisfied_by_value(values) for condition in space.parent_conditions_of[name])


def describe(hyperparameter: Any) -> str:
    """The allowed values in a few words."""
    values = choices(hyperparameter)
    if values is not None:
        return f"one of {', '.join(map(str, values))}"
    scale = " (log)" if getattr(hyperparameter, "log", False) else ""
    return f"in [{hyperparameter.lower:g}, {hyperparameter.upper:g}]{scale}"


def choices(hyperparameter: Any) -> list[Scalar] | None:
    """All values of a categorical, ordinal or constant hyperparameter in order; None for a numeric one."""
    if isinstance(hyperparameter, CategoricalHyperparameter):
        return [value.item() if isinstance(value, np.generic) else value for value in hyperparameter.choices]
    if isinstance(hyperparameter, OrdinalHyperparameter):
        return list(hyperparameter.sequence)
    if isinstance(hyperparameter, Constant):
        return [hyperparameter.value]
    return None


def ppo_published(family: str) -> ConfigurationSpace:
    """The nine hyperparameters of PPO that the reference dataset tunes, with its ranges for a family of environments."""
    sizes = {"brax": [512, 1024, 2048], "classic_control": [128, 256, 512]}.get(family, [32, 64, 128])
    return ConfigurationSpace(
        name="ppo-published",
        space=[
            Float("learning_rate", (1e-6, 0.1), default=3e-4, log=True),
            Categorical("minibatch_size", sizes, default=sizes[0]),
            Float("gae_lambda", (0.8, 0.9999), default=0.95),
            Float("clip_eps", (0.0, 0.5), default=0.2),
            Float("vf_clip_eps", (0.0, 0.5), default=0.2),
            Categorical("normalize_advantage", [True, False], default=True),
            Float("ent_coef", (0.0, 0.5), default=0.0),
            Float("vf_coef", (0.0, 1.0), default=0.5),
            Float("max_grad_norm", (0.0, 1.0), default=0.5),
        ],
    )


def ppo_full(defaults: Mapping[str, Scalar], fidelity: int) -> ConfigurationSpace:
    """Every hyperparameter of PPO, with a task's own defaults."""
    default: dict[str, Any] = dict(defaults)
    return ConfigurationSpace(
        name="ppo-full",
        space=[
            Float("learning_rate", (1e-6, 0.1), default=default["learning_rate"], log=True),
            Categorical("anneal_steps", [0, fidelity], default=default["anneal_steps"]),
            Float("gamma", (0.8, 1.0), default=default["gamma"]),
            Float("gae_lambda", (0.8, 0.9999), default=default["gae_lambda"]),
            Float("clip_eps", (0.0, 0.5), default=default["clip_eps"]),
            Float("vf_clip_eps", (0.0, 10.0), default=default["vf_clip_eps"]),
            Categorical("normalize_advantage", [True, False], default=default["normalize_advantage"]),
            Float("ent_coef", (0.0, 0.5), default=default["ent_coef"]),
            Float("vf_coef", (0.0, 1.0), default=default["vf_coef"]),
            Float("max_grad_norm", (0.0, 1.0), default=default["max_grad_norm"]),
            Categorical("normalize_observations", [True, False], default=default["normalize_observations"]),
            Integer("num_epochs", (1, 20), default=default["num_epochs"]),
            Categorical("minibatch_size", [16, 32, 64, 128, 256, 512, 1024, 2048], default=default["minibatch_size"]),
            Categorical("num_steps", [5, 32, 64, 80, 128, 256, 512], default=default["num_steps"]),
            Categorical("num_envs", [1, 4, 8, 16, 32], default=default["num_envs"]),
            Categorical("hidden_size", [32, 64, 128, 256], default=default["hidden_size"]),
            Categorical("num_layers", [1, 2, 3], default=default["num_layers"]),
            Categorical("activation", ["tanh", "relu"], default=default["activation"]),
        ],
    )


def _at(hyperparameter: Any, u: float) -> Any:
    values = choices(hyperparameter)
    if values is not None:
        return values[min(int(u * len(values)), len(values) - 1)]
    return hyperparameter.to_value(float(u))
