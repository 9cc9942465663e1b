"""Environments of XLand-MiniGrid: grids of tiles, observed as they are or as a vector."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from arl.errors import InputError, unknown
from envs.base import EnvState, Obs, Params, Transition
from envs.registry import checked_limit


@dataclasses.dataclass(frozen=True, eq=False)
class XMiniGridEnv:
    """An environment of XLand-MiniGrid in the form of `envs.base.Env`.

    Observations are `(view, view, 2)` of uint8, the tile and the colour of each cell in view, or the same as a vector of
    float32. Params are none: those of the library are sizes.
    """

    raw: Any
    sizes: Any
    num_actions: int
    episode_limit: int
    num_categories: int | None
    params: Params = ()
    action_low: np.ndarray | None = None
    action_high: np.ndarray | None = None
    return_range: tuple[float, float] = (0.0, 1.0)
    dear_reset: bool = True

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, EnvState]:
        """Return a start state and what is observed there."""
        start = self.raw.reset(self.sizes, jax.random.key_data(key))
        return self._observed(start), start

    def step(self, key: PRNGKeyArray, state: Any, action: Array, params: Params) -> Transition:
        """Return what an action leads to."""
        after = self.raw.step(self.sizes, state, action)
        ended, natural = after.last(), after.discount == 0.0
        return Transition(self._observed(after), after, after.reward, ended & natural, ended & ~natural)

    def _observed(self, state: Any) -> Obs:
        return state.observation if self.num_categories else state.observation.ravel().astype(jnp.float32)

    def draw(self, state: Any, params: Params) -> np.ndarray:
        """Return an RGB picture of a state, `(height, width, 3)` of uint8."""
        return self.raw.render(self.sizes, state)


def make(name: str, episode_limit: int | None = None, flat: bool = False, **arguments: Any) -> XMiniGridEnv:
    """Return the environment of XLand-MiniGrid with that id; the arguments are the fields of its params.

    Args:
        name: the id.
        episode_limit: env steps of an episode; by default the library's.
        flat: whether observations are a vector of real numbers, as in the reference dataset, instead of a grid of tiles.
        **arguments: fields of the library's params.

    Raises:
        InputError: no such id or argument.
    """
    import xminigrid
    from xminigrid.core.constants import NUM_COLORS, NUM_TILES

    if name not in xminigrid.registered_environments():
        raise unknown("xminigrid environment", name, xminigrid.registered_environments())
    raw, sizes = xminigrid.make(name)
    if not isinstance(flat, bool):
        raise InputError(f"flat of environment 'xminigrid/{name}' must be true or false, got {flat!r}")
    fields = ["flat", *(field.name for field in dataclasses.fields(sizes))]
    for argument in arguments:
        if argument not in fields:
            raise unknown("argument", argument, fields, f"of environment 'xminigrid/{name}'")
    sizes = sizes.replace(**arguments)
    limit = checked_limit(f"xminigrid/{name}", sizes.max_steps if episode_limit is None else episode_limit)
    num_categories = None if flat else max(NUM_TILES, NUM_COLORS)
    return XMiniGridEnv(raw, sizes.replace(max_steps=limit), int(raw.num_actions(sizes)), limit, num_categories)
