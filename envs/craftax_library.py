"""Environments of Craftax, without the resets inside its steps."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from arl.errors import unknown
from envs.base import EnvState, Obs, Params, Transition
from envs.registry import checked_limit

# Rewards are those of achievements, each of which counts once, and a tenth of every point of health, of which 9 may be lost.
RETURN_RANGES = {
    "Craftax-Symbolic-v1": (-0.9, 226.0),
    "Craftax-Pixels-v1": (-0.9, 226.0),
    "Craftax-Classic-Symbolic-v1": (-0.9, 22.0),
    "Craftax-Classic-Pixels-v1": (-0.9, 22.0),
}


@dataclasses.dataclass(frozen=True, eq=False)
class CraftaxEnv:
    """An environment of Craftax in the form of `envs.base.Env`.

    An episode that ends in the very step of the limit counts as truncated: Craftax has the limit in its ends.
    """

    raw: Any
    params: Params
    episode_limit: int
    num_actions: int
    return_range: tuple[float, float]
    fixed_params: Mapping[str, str] = dataclasses.field(
        default_factory=lambda: {"max_timesteps": "is the episode limit"}
    )
    action_low: np.ndarray | None = None
    action_high: np.ndarray | None = None
    dear_reset: bool = True

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, EnvState]:
        """Return a start state and what is observed there."""
        return self.raw.reset_env(jax.random.key_data(key), params)

    def step(self, key: PRNGKeyArray, state: EnvState, action: Array, params: Params) -> Transition:
        """Return what an action leads to."""
        obs, after, reward, done, _ = self.raw.step_env(jax.random.key_data(key), state, action, params)
        at_limit = after.timestep >= self.episode_limit
        return Transition(obs, after, reward, jnp.asarray(done, bool) & ~at_limit, at_limit)


def make(name: str, episode_limit: int | None = None) -> CraftaxEnv:
    """Return the environment of Craftax with that id.

    Raises:
        InputError: no such id.
    """
    from craftax.craftax_env import make_craftax_env_from_name

    if name not in RETURN_RANGES:
        raise unknown("craftax environment", name, RETURN_RANGES)
    raw = make_craftax_env_from_name(name, auto_reset=False)
    limit = checked_limit(
        f"craftax/{name}", raw.default_params.max_timesteps if episode_limit is None else episode_limit
    )
    params = raw.default_params.replace(max_timesteps=limit)
    return CraftaxEnv(raw, params, limit, int(raw.action_space(params).n), RETURN_RANGES[name])
