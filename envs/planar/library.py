"""Environments of planar rigid bodies, by name: re-implementations of gymnasium's, which agree with them statistically."""

import dataclasses
import math
from typing import Any

from arl.errors import InputError, unknown
from envs.base import Env
from envs.planar.bipedal_walker import BipedalWalker
from envs.planar.lunar_lander import LunarLander
from envs.registry import checked_limit

ENVS: dict[str, Env] = {
    "LunarLander": LunarLander(),
    "LunarLanderContinuous": LunarLander(continuous=True),
    "BipedalWalker": BipedalWalker(),
    "BipedalWalkerHardcore": BipedalWalker(hardcore=True, episode_limit=2000),
}


def make(name: str, episode_limit: int | None = None, **params: Any) -> Env:
    """Return the environment of that name; other arguments are defaults of its params.

    Raises:
        InputError: no such environment or param, or a value out of its range.
    """
    if name not in ENVS:
        raise unknown("planar environment", name, ENVS)
    env: Any = ENVS[name]
    names = [field.name for field in dataclasses.fields(env.params)]
    for param, value in params.items():
        if param not in names:
            raise unknown("argument", param, ["episode_limit", *names], f"of environment 'planar/{name}'")
        _check(name, param, value, env.param_ranges.get(param, (-math.inf, math.inf)))
    limit = env.episode_limit if episode_limit is None else checked_limit(f"planar/{name}", episode_limit)
    values = {param: float(value) for param, value in params.items()}
    return dataclasses.replace(env, episode_limit=limit, params=dataclasses.replace(env.params, **values))


def _check(name: str, param: str, value: Any, bounds: tuple[float, float]) -> None:
    low, high = bounds
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not low <= value <= high:
        rule = f"a number from {low:g} to {high:g}" if math.isfinite(low) else "a finite number"
        raise InputError(f"argument {param!r} of environment 'planar/{name}' must be {rule}, got {value!r}")
