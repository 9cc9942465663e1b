"""Environments of Navix, MiniGrid's levels: grids of tiles, seen whole or from the agent."""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from arl.errors import InputError, unknown
from envs.base import EnvState, Obs, Params, Transition
from envs.registry import checked_limit

NUM_CATEGORIES = 11  # entities, colours, directions and states of doors are numbers below


@dataclasses.dataclass(frozen=True, eq=False)
class NavixEnv:
    """An environment of Navix in the form of `envs.base.Env`. Its params are none.

    Observations are `(height, width, 3)` of uint8: what is in each cell, its colour and its state. An episode ends at its
    first reward, which is from -1 to 1.
    """

    raw: Any
    episode_limit: int
    num_actions: int
    params: Params = ()
    action_low: np.ndarray | None = None
    action_high: np.ndarray | None = None
    return_range: tuple[float, float] = (-1.0, 1.0)
    dear_reset: bool = True
    num_categories: int = NUM_CATEGORIES

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, EnvState]:
        """Return a start state and what is observed there."""
        start = self.raw.reset(jax.random.key_data(key))
        return start.observation, start

    def step(self, key: PRNGKeyArray, state: Any, action: Array, params: Params) -> Transition:
        """Return what an action leads to; what is random follows from the state."""
        after = self.raw._step(state, action)  # its `step` resets
        return Transition(after.observation, after, after.reward, after.is_termination(), after.is_truncation())

    def draw(self, state: Any, params: Params) -> np.ndarray:
        """Return an RGB picture of a state, `(height, width, 3)` of uint8."""
        from navix import observations

        return np.asarray(observations.rgb(state.state))


def make(name: str, episode_limit: int | None = None, first_person: bool = False) -> NavixEnv:
    """Return the environment of Navix with that id.

    Args:
        name: the id.
        episode_limit: env steps of an episode; by default the library's.
        first_person: whether an agent sees the seven by seven cells before it, instead of the whole grid.

    Raises:
        InputError: no such id, or a wrong argument.
    """
    import navix

    if name not in navix.registry():
        raise unknown("navix environment", name, navix.registry())
    if not isinstance(first_person, bool):
        raise InputError(f"first_person of environment 'navix/{name}' must be true or false, got {first_person!r}")
    view = navix.observations.symbolic_first_person if first_person else navix.observations.symbolic
    raw = navix.make(name, observation_fn=view)
    limit = checked_limit(f"navix/{name}", raw.max_steps if episode_limit is None else episode_limit)
    return NavixEnv(raw.replace(max_steps=limit), limit, len(raw.action_set))
