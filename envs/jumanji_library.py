"""Environments of Jumanji: observations in parts, many with a mask of the actions that are allowed."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from arl.errors import InputError, unknown
from envs.base import EnvState, Obs, Params, Transition
from envs.registry import checked_limit

DEFAULT_LIMIT = 1000  # of those that have none themselves


class JumanjiState(NamedTuple):
    """Jumanji's own state, and the env steps made in the episode."""

    jumanji: Any
    time: Int[Array, ""]


@dataclasses.dataclass(frozen=True, eq=False)
class JumanjiEnv:
    """An environment of Jumanji in the form of `envs.base.Env`. Its params are none.

    An episode that ends in the very step of the limit counts as truncated: some have it in their own ends.
    """

    raw: Any
    episode_limit: int
    num_actions: int
    mask_key: str | None
    params: Params = ()
    action_low: np.ndarray | None = None
    action_high: np.ndarray | None = None
    return_range: tuple[float, float] | None = None
    dear_reset: bool = True

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, EnvState]:
        """Return a start state and what is observed there."""
        state, start = self.raw.reset(jax.random.key_data(key))
        return observed(start), JumanjiState(state, jnp.zeros((), jnp.int32))

    def step(self, key: PRNGKeyArray, state: JumanjiState, action: Array, params: Params) -> Transition:
        """Return what an action leads to; what is random follows from the state."""
        after, step = self.raw.step(state.jumanji, action)
        time = state.time + 1
        at_limit = time >= self.episode_limit
        terminated = step.last() & (step.discount == 0.0) & ~at_limit
        truncated = at_limit | (step.last() & (step.discount != 0.0))
        return Transition(observed(step), JumanjiState(after, time), step.reward, terminated, truncated)


def make(name: str, episode_limit: int | None = None, **arguments: Any) -> JumanjiEnv:
    """Return the environment of Jumanji with that id; the arguments are those of `jumanji.make`.

    Raises:
        InputError: no such id, or actions of several parts.
    """
    import jumanji

    if name not in jumanji.registered_environments():
        raise unknown("jumanji environment", name, jumanji.registered_environments())
    raw = jumanji.make(name, **arguments)
    if not hasattr(raw.action_spec, "num_values") or np.ndim(raw.action_spec.num_values):
        raise InputError(f"environment 'jumanji/{name}' must have one discrete action, got {raw.action_spec}")
    num_actions = int(raw.action_spec.num_values)
    limit = checked_limit(f"jumanji/{name}", episode_limit or getattr(raw, "time_limit", None) or DEFAULT_LIMIT)
    start = jax.eval_shape(lambda key: observed(raw.reset(key)[1]), jax.random.PRNGKey(0))
    has_mask = isinstance(start, dict) and getattr(start.get("action_mask"), "shape", None) == (num_actions,)
    return JumanjiEnv(raw, limit, num_actions, "action_mask" if has_mask else None)


def observed(step: Any) -> Obs:
    """Return the observation of a step, its parts by name."""
    observation = step.observation
    return observation._asdict() if hasattr(observation, "_asdict") else observation
