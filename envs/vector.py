"""Many copies of one environment, stepped side by side, with resets that cost nothing extra.

Libraries reset inside `step`; under `vmap` that computes a reset at every step of every env. Here the start states of a
whole rollout are drawn at once (`reset`), and a step only selects. They depend on the key alone, so that lanes which
share a key share them too.
"""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key, PRNGKeyArray

import envs.registry
from arl.errors import InputError, first_line

EnvState = Any


class Step(NamedTuple):
    """What one step of every env gives.

    `next_obs` is the observation the action led to, also where the episode ended; `obs` is where the next action is
    taken: the start of a new episode where one ended. `truncated` is never set together with `terminated`.
    """

    state: EnvState
    obs: Float[Array, "env feature"]
    next_obs: Float[Array, "env feature"]
    reward: Float[Array, " env"]
    terminated: Bool[Array, " env"]
    truncated: Bool[Array, " env"]


@dataclasses.dataclass(frozen=True)
class VectorEnv:
    """A gymnax-style environment and its params, with a leading env axis on everything."""

    env: Any
    params: Any
    episode_limit: int

    @property
    def discrete(self) -> bool:
        """Whether actions are integers."""
        return hasattr(self.env.action_space(self.params), "n")

    @property
    def action_size(self) -> int:
        """Number of actions if discrete, else the dimension of an action."""
        space = self.env.action_space(self.params)
        return int(space.n) if self.discrete else math.prod(space.shape)

    @functools.cached_property
    def obs_size(self) -> int:
        """Number of features of a flattened observation."""
        obs, _ = jax.eval_shape(self.env.reset_env, jax.random.key(0), self.params)
        return int(obs.size)

    @property
    def bounded(self) -> bool:
        """Whether actions are real numbers between finite bounds."""
        return not self.discrete and bool(np.all(np.isfinite(self._bounds())))

    def scaled(self, action: Array) -> Array:
        """Real actions from [-1, 1] in the env's own units; integers as they are."""
        if self.discrete:
            return action
        low, high = self._bounds()
        return low + 0.5 * (action + 1.0) * (high - low)

    def reset(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> tuple[Float[Array, "*shape feature"], EnvState]:
        """Fresh start states, with leading axes `shape`."""
        reset = self._reset_one
        for _ in shape:
            reset = jax.vmap(reset)
        return reset(jax.random.split(key, shape))

    def step(self, keys: Key[Array, " env"], state: EnvState, action: Array, fresh: tuple[Array, EnvState]) -> Step:
        """Step every env once; an env whose episode ends goes on from its entry in `fresh`."""
        next_obs, next_state, reward, terminated, truncated = jax.vmap(self._step_one)(keys, state, action)
        done = terminated | truncated
        obs, state = jax.tree.map(
            lambda new, old: jnp.where(done.reshape(done.shape + (1,) * (old.ndim - 1)), new, old),
            fresh,
            (next_obs, next_state),
        )
        return Step(state, obs, next_obs, reward, terminated, truncated)

    def _reset_one(self, key: PRNGKeyArray) -> tuple[Array, EnvState]:
        obs, state = self.env.reset_env(key, self.params)
        return _flat(obs), jax.tree.map(jnp.asarray, state)

    def _step_one(
        self, key: PRNGKeyArray, state: EnvState, action: Array
    ) -> tuple[Array, EnvState, Array, Array, Array]:
        obs, state, reward, terminated, _ = self.env.step_env(key, state, self._native(action), self.params)
        terminated = jnp.asarray(terminated, bool)
        truncated = jnp.asarray(self.env.is_truncated(state, self.params), bool) & ~terminated
        return _flat(obs), state, jnp.asarray(reward, jnp.float32), terminated, truncated

    def _first_step(self, key: PRNGKeyArray) -> tuple[Array, EnvState, Array, EnvState, Array]:
        """A start, and where one action leads to."""
        obs, state = self._reset_one(key)
        action = jnp.zeros((), jnp.int32) if self.discrete else self.scaled(jnp.zeros(self.action_size))
        after_obs, after, reward, _, _ = self._step_one(key, state, action)
        return obs, state, after_obs, after, reward

    def _bounds(self) -> np.ndarray:
        """The lowest and the highest value of each component of an action."""
        with jax.ensure_compile_time_eval():  # the space may make its bounds of jax arrays
            space = self.env.action_space(self.params)
        return np.stack([np.broadcast_to(x, space.shape).ravel() for x in (space.low, space.high)]).astype(np.float32)

    def _native(self, action: Array) -> Array:
        if self.discrete:
            return action
        space = self.env.action_space(self.params)
        return jnp.clip(action.reshape(space.shape), space.low, space.high)


def make(name: str) -> VectorEnv:
    """The environment of that name, ready to be stepped side by side.

    Raises:
        InputError: unknown name, its library is not installed, or a class of the user's that can't be stepped.
    """
    known, (env, params) = envs.registry.spec(name), envs.registry.make(name)
    made = VectorEnv(env, params, known.episode_limit)
    if known.family == "custom":
        _check(made, name)
    return made


def _check(env: VectorEnv, name: str) -> None:
    """Refuse an env that can't be traced, or whose steps give other shapes and types than its resets."""
    try:
        obs, state, after_obs, after, reward = jax.eval_shape(env._first_step, jax.random.key(0))
    except Exception as error:  # the user's class can fail in any way
        raise InputError(
            f"environment {name!r} can't be stepped: {type(error).__name__}: {first_line(error)}"
        ) from error
    before, after = (jax.tree.map(lambda x: f"{x.dtype}{x.shape}", both) for both in ((obs, state), (after_obs, after)))
    if before != after:
        raise InputError(
            f"environment {name!r} must give the same shapes and types by reset_env and step_env, got {before} and {after}"
        )
    if reward.shape:
        raise InputError(f"environment {name!r} must give one number as reward, got shape {reward.shape}")


def _flat(obs: Array) -> Float[Array, " feature"]:
    return jnp.ravel(jnp.asarray(obs, jnp.float32))
