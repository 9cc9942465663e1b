"""Environments of gymnax, and classes in its style: their core without the reset inside `step`."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from arl.errors import InputError, unknown
from envs import drawing, imports
from envs.base import EnvState, Obs, Params, Transition
from envs.registry import checked_limit, checked_range

# What gymnax imports to draw with, which takes twice as long as gymnax itself.
DRAWING = ("matplotlib", "matplotlib.colors", "matplotlib.pyplot", "seaborn")

MEMBERS = ("default_params", "reset_env", "step_env", "is_truncated", "action_space")


_OLD_STYLE = (
    "; it is written for gymnax before 1.0: rename is_terminal to is_terminated, leave the time limit out of it, and let "
    "is_truncated(state, params) return whether the limit is reached"
)


def mend(cls: type) -> str:
    """Return how a class that was written for gymnax before 1.0 is mended, to follow an error; empty for any other."""
    theirs = [base for base in cls.__mro__ if not base.__module__.startswith("gymnax.")]
    defined = {name for base in theirs for name in vars(base)}
    return _OLD_STYLE if "is_terminal" in defined and "is_terminated" not in defined else ""


@dataclasses.dataclass(frozen=True, eq=False)
class GymnaxEnv:
    """A gymnax-style environment (`reset_env`, `step_env`, `is_truncated`) in the form of `envs.base.Env`."""

    raw: Any
    params: Params
    episode_limit: int
    return_range: tuple[float, float] | None
    num_actions: int | None
    action_low: np.ndarray | None
    action_high: np.ndarray | None
    fixed_params: Mapping[str, str]
    derive: Callable[[Params], Params]
    dear_reset: bool = False
    num_categories: int | None = None
    mask_key: str | None = None

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, EnvState]:
        """Return a start state and what is observed there."""
        return self.raw.reset_env(key, params)

    def step(self, key: PRNGKeyArray, state: EnvState, action: Array, params: Params) -> Transition:
        """Return what an action leads to."""
        obs, state, reward, terminated, _ = self.raw.step_env(key, state, action, params)
        return Transition(obs, state, reward, terminated, self.raw.is_truncated(state, params))


class ClassicControlEnv(GymnaxEnv):
    """An environment of classic control, which can be drawn."""

    def draw(self, state: Any, params: Params) -> np.ndarray:
        """Return an RGB picture of a state, `(height, width, 3)` of uint8."""
        return drawing.CLASSIC_CONTROL[type(self.raw).__name__](state, params)


class MinAtarEnv(GymnaxEnv):
    """An environment of MinAtar, whose images are of 0 and 1: observed as truth values, a quarter of the memory."""

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, EnvState]:
        """Return a start state and what is observed there."""
        obs, state = super().reset(key, params)
        return obs.astype(bool), state

    def step(self, key: PRNGKeyArray, state: EnvState, action: Array, params: Params) -> Transition:
        """Return what an action leads to."""
        after = super().step(key, state, action, params)
        return after._replace(obs=after.obs.astype(bool))

    def draw(self, state: Any, params: Params) -> np.ndarray:
        """Return an RGB picture of a state, `(height, width, 3)` of uint8."""
        return drawing.minatar(self.raw.get_obs(state))


def make(name: str, episode_limit: int | None = None, **arguments: Any) -> GymnaxEnv:
    """Return the environment of gymnax with that id; the arguments are those of its class.

    Raises:
        InputError: no such id.
    """
    gymnax = imports.without(DRAWING, "gymnax")
    if name not in gymnax.registered_envs:
        raise unknown("gymnax environment", name, gymnax.registered_envs)
    raw, _ = gymnax.make(name, **arguments)
    env = adapt(raw, f"gymnax/{name}", episode_limit)
    if name.endswith("-MinAtar"):
        return MinAtarEnv(**vars(env))
    return ClassicControlEnv(**vars(env)) if type(raw).__name__ in drawing.CLASSIC_CONTROL else env


def adapt(
    raw: Any, name: str, episode_limit: int | None = None, return_range: tuple[float, float] | None = None
) -> GymnaxEnv:
    """Return an environment in gymnax's style in the form of `envs.base.Env`.

    Args:
        raw: the environment.
        name: what errors call it.
        episode_limit: env steps of an episode; by default that of its params.
        return_range: worst and best episode return, if known.

    Raises:
        InputError: it has no episode limit, actions that are neither discrete nor a box, or a wrong return range.
    """
    limit = getattr(raw.default_params, "max_steps_in_episode", None) if episode_limit is None else episode_limit
    limit = checked_limit(name, limit)
    params = raw.default_params
    if episode_limit is not None:
        params = params.replace(max_steps_in_episode=limit)
    space = raw.action_space(params)
    num_actions = int(space.n) if hasattr(space, "n") else None
    low, high = (None, None) if num_actions is not None else _bounds(space, name)
    derived = _DERIVED.get(type(raw).__name__, {}) if type(raw).__module__.startswith("gymnax.") else {}
    return GymnaxEnv(
        raw=raw,
        params=params,
        episode_limit=limit,
        return_range=None if return_range is None else checked_range(name, return_range),
        num_actions=num_actions,
        action_low=low,
        action_high=high,
        fixed_params={"max_steps_in_episode": "is the episode limit"}
        | {param: f"follows from {sources}" for param, (sources, _) in derived.items()},
        derive=lambda params: params.replace(**{param: value(params) for param, (_, value) in derived.items()}),
        num_categories=getattr(raw, "num_categories", None),
        mask_key=getattr(raw, "mask_key", None),
    )


def _bounds(space: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    if not all(hasattr(space, attribute) for attribute in ("low", "high", "shape")):
        raise InputError(f"environment {name!r} must have an action space that is discrete or a box, got {space!r}")
    with jax.ensure_compile_time_eval():  # the space may make its bounds of jax arrays
        low, high = (np.broadcast_to(np.asarray(bound, np.float32), space.shape) for bound in (space.low, space.high))
    return low, high


# Fields of gymnax's params that are computed from others only where their defaults are written.
_DERIVED: dict[str, dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "CartPole": {
        "total_mass": ("masscart and masspole", lambda params: params.masscart + params.masspole),
        "polemass_length": ("masspole and length", lambda params: params.masspole * params.length),
    }
}
