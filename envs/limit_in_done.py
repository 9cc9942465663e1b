"""An environment that reports its time limit as a natural end, adapted: at the limit, episodes are truncated."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from envs.base import Env, EnvState, Obs, Params, Transition


class TimedState(NamedTuple):
    """The environment's state, and the env steps made in the episode."""

    env: EnvState
    time: Int[Array, ""]


class LimitInDone:
    """An environment whose `terminated` holds its time limit, in the form of `envs.base.Env`.

    It counts the env steps itself: whether an episode that ends in the very step of the limit would have ended without it,
    can't be told, and it counts as truncated.

    Args:
        env: the environment; all other members are its own.
    """

    def __init__(self, env: Env):
        self.env = env

    def __getattr__(self, name: str) -> Any:
        """Return what the environment has under a name; `draw` is given its state."""
        if name == "env" or name.startswith("__"):  # asked for by pickle, before there is an environment
            raise AttributeError(name)
        member = getattr(self.env, name)
        return (lambda state, params: member(state.env, params)) if name == "draw" else member

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, TimedState]:
        """Return a start state and what is observed there."""
        obs, state = self.env.reset(key, params)
        return obs, TimedState(state, jnp.zeros((), jnp.int32))

    def step(self, key: PRNGKeyArray, state: TimedState, action: Array, params: Params) -> Transition:
        """Return what an action leads to."""
        obs, after, reward, terminated, _ = self.env.step(key, state.env, action, params)
        time = state.time + 1
        at_limit = time >= self.env.episode_limit
        return Transition(obs, TimedState(after, time), reward, jnp.asarray(terminated, bool) & ~at_limit, at_limit)
