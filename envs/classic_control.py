"""Environments of classic control that are gymnasium's where those of gymnax are not."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from arl.errors import unknown
from envs import gymnax_library
from envs.base import EnvState, Params, Transition
from envs.gymnax_library import ClassicControlEnv, GymnaxEnv


class MountainCarContinuous(ClassicControlEnv):
    """gymnax's MountainCarContinuous, but that the wall on the left stops the car."""

    def step(self, key: PRNGKeyArray, state: EnvState, action: Array, params: Params) -> Transition:
        """Return what an action leads to."""
        after = super().step(key, state, action, params)
        at_wall = after.state.position <= params.min_position
        velocity = jnp.where(at_wall, jnp.maximum(after.state.velocity, 0.0), after.state.velocity)
        return after._replace(obs=after.obs.at[1].set(velocity), state=after.state.replace(velocity=velocity))


ENVS: dict[str, type[GymnaxEnv]] = {"MountainCarContinuous-v0": MountainCarContinuous}


def make(name: str, **arguments: Any) -> GymnaxEnv:
    """Return the environment of that name; the arguments are those of gymnax's.

    Raises:
        InputError: no such environment.
    """
    if name not in ENVS:
        raise unknown("classic_control environment", name, ENVS)
    return ENVS[name](**vars(gymnax_library.make(name, **arguments)))
