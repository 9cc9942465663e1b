"""Environments of Pgx for one player: a board beside the mask of the actions that are allowed."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from arl.errors import InputError, unknown
from envs.base import EnvState, Obs, Params, Transition
from envs.registry import checked_limit

DEFAULT_LIMIT = 10_000


class PgxState(NamedTuple):
    """Pgx's own state, and the env steps made in the episode."""

    pgx: Any
    time: Int[Array, ""]


@dataclasses.dataclass(frozen=True, eq=False)
class PgxEnv:
    """An environment of Pgx in the form of `envs.base.Env`. Its params are none."""

    raw: Any
    episode_limit: int
    num_actions: int
    params: Params = ()
    action_low: np.ndarray | None = None
    action_high: np.ndarray | None = None
    return_range: tuple[float, float] | None = None
    dear_reset: bool = False
    mask_key: str = "action_mask"

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, EnvState]:
        """Return a start state and what is observed there."""
        state = self.raw.init(jax.random.key_data(key))
        return _observed(state), PgxState(state, jnp.zeros((), jnp.int32))

    def step(self, key: PRNGKeyArray, state: PgxState, action: Array, params: Params) -> Transition:
        """Return what an action leads to."""
        after, time = self.raw.step(state.pgx, action, jax.random.key_data(key)), state.time + 1
        return Transition(
            _observed(after), PgxState(after, time), after.rewards[0], after.terminated, time >= self.episode_limit
        )


def make(name: str, episode_limit: int = DEFAULT_LIMIT, **arguments: Any) -> PgxEnv:
    """Return the environment of Pgx with that id; the arguments are those of its class.

    Raises:
        InputError: no such id, or a game of several players.
    """
    import pgx

    if name not in pgx.available_envs():
        raise unknown("pgx environment", name, pgx.available_envs())
    raw = pgx.make(name, **arguments)
    if raw.num_players != 1:
        raise InputError(f"environment 'pgx/{name}' must be for one player, got {raw.num_players}")
    return PgxEnv(raw, checked_limit(f"pgx/{name}", episode_limit), int(raw.num_actions))


def _observed(state: Any) -> dict[str, Array]:
    return {"board": state.observation, "action_mask": state.legal_action_mask}
