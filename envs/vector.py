"""Many copies of one environment, stepped side by side, with resets that are paid once per episode and not per step.

Libraries reset inside `step`; under `vmap` that computes a reset at every step of every env. Here the start states of a
whole rollout are drawn at once (`starts`), and a step only selects. They depend on the key and the params alone, so that
lanes which share both share them too. Where a reset is dear, few are computed (`pool`) and drawn from again and again.
"""

import dataclasses
import functools
import math
import numbers
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key, PRNGKeyArray, PyTree

from arl.errors import InputError, first_line, unknown
from envs import base, checks, registry
from envs.base import Env, EnvState, Obs, Params

Start = tuple[Obs, EnvState]
DEFAULT_POOL = 64


class Step(NamedTuple):
    """What one step of every env gives; each leaf has a leading env axis.

    `next_obs` is the observation the action led to, also where the episode ended; `obs` is where the next action is
    taken: the start of a new episode where one ended. `truncated` is never set together with `terminated`.
    """

    state: EnvState
    obs: Obs
    next_obs: Obs
    reward: Float[Array, " env"]
    terminated: Bool[Array, " env"]
    truncated: Bool[Array, " env"]


@dataclasses.dataclass(frozen=True, eq=False)
class VectorEnv:
    """An environment and its params, with a leading env axis on everything.

    Shapes, bounds and limits are those of the default params, so that they are at hand where params are traced.

    Attributes:
        params: those of the env, or with some leaves replaced (`with_params`).
        reset_pool: number of start states in a pool; 0 computes each start state afresh.
    """

    env: Env
    params: Params
    name: str = ""
    reset_pool: int = 0

    @property
    def episode_limit(self) -> int:
        """Env steps after which an episode is truncated."""
        return self.env.episode_limit

    @property
    def discrete(self) -> bool:
        """Whether actions are integers."""
        return self.env.num_actions is not None

    @property
    def action_size(self) -> int:
        """Number of actions if discrete, else the number of components of an action."""
        return self.env.num_actions if self.env.num_actions is not None else int(self._bounds[0].size)

    @functools.cached_property
    def obs_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        """Shape and dtype of each array of one observation."""
        obs, _ = jax.eval_shape(VectorEnv(self.env, self.env.params).reset_one, jax.random.key(0))
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), obs)

    @property
    def num_categories(self) -> int | None:
        """Number of things that the integers of an observation name; None if they are numbers."""
        return base.num_categories(self.env)

    def action_mask(self, obs: Obs) -> Bool[Array, "batch action"] | None:
        """Return which actions are allowed after observations `(batch, ...)`; None if all always are."""
        key = base.mask_key(self.env)
        return None if key is None else obs[key]

    @property
    def obs_size(self) -> int:
        """Number of numbers in one observation."""
        return sum(math.prod(spec.shape) for spec in jax.tree.leaves(self.obs_spec))

    @property
    def bounded(self) -> bool:
        """Whether actions are real numbers between finite bounds."""
        return not self.discrete and bool(np.all(np.isfinite(self._bounds)))

    def scaled(self, action: Array) -> Array:
        """Return real actions `(*batch, action)` from [-1, 1] in the env's own units; integers as they are."""
        if self.discrete:
            return action
        low, high = (bound.ravel() for bound in self._bounds)
        return low + 0.5 * (action + 1.0) * (high - low)

    @property
    def param_defaults(self) -> dict[str, bool | int | float]:
        """Names and default values of the params that may vary; the type of the default is that of the param."""
        fixed = base.fixed_params(self.env)
        return {name: value for name, value in base.scalar_leaves(self.env.params).items() if name not in fixed}

    @property
    def param_names(self) -> tuple[str, ...]:
        """Names of the params that may vary."""
        return tuple(self.param_defaults)

    @property
    def scored(self) -> "VectorEnv":
        """The env that agents are scored on: with its own rewards where training sees clipped ones."""
        return dataclasses.replace(self, params=base.scored_params(self.env, self.params))

    def check_params(self, values: Mapping[str, Any]) -> None:
        """Refuse values that can't replace params.

        Raises:
            InputError: an unknown or a fixed name, a value that is no finite number of the param's type, or a param that
                can't be traced or changes the shape of an observation.
        """
        if not values:
            return
        defaults, ranges = self.param_defaults, base.param_ranges(self.env)
        for param, value in values.items():
            self._check_param_name(param)
            checks.check_number(self.name, param, value, defaults[param], ranges.get(param))
        traced = {name: jax.ShapeDtypeStruct((), _dtype(defaults[name])) for name in values}
        try:
            start = jax.eval_shape(lambda params: self.with_params(params).first_step(jax.random.key(0))[0], traced)
        except Exception as error:  # the library or the user's class can fail in any way
            raise InputError(
                f"parameters {', '.join(values)} of environment {self.name!r} can't vary: "
                f"{type(error).__name__}: {first_line(error)}"
            ) from error
        if checks.described(start[0]) != checks.described(self.obs_spec):
            raise InputError(
                f"parameters {', '.join(values)} of environment {self.name!r} must leave observations as they are, "
                f"got {checks.described(start[0])} instead of {checks.described(self.obs_spec)}"
            )

    def with_params(self, values: Mapping[str, Array | float]) -> "VectorEnv":
        """Return the env with some params replaced, by numbers or by traced scalars; without any, itself.

        Params that follow from others are computed anew.

        Raises:
            InputError: an unknown or a fixed name.
        """
        if not values:
            return self
        for name in values:
            self._check_param_name(name)
        defaults = self.param_defaults
        cast = {name: _cast(value, defaults[name]) for name, value in values.items()}
        params = jax.tree_util.tree_map_with_path(
            lambda path, leaf: cast.get(base.path_name(path), leaf),
            self.params,
        )
        return dataclasses.replace(self, params=base.derive(self.env, params))

    def reset(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Start:
        """Return fresh start states, with leading axes `shape`: observations and states."""
        return self.reset_each(jax.random.split(key, shape))

    def reset_each(self, keys: Key[Array, "*shape"]) -> Start:
        """Return a fresh start for each key, with leading axes `shape`."""
        reset = self.reset_one
        for _ in keys.shape:
            reset = jax.vmap(reset)
        return reset(keys)

    def pool(self, key: PRNGKeyArray) -> Start | None:
        """Return `reset_pool` start states to draw from, with one leading axis; None where each is computed afresh."""
        return self.reset(key, (self.reset_pool,)) if self.reset_pool else None

    def starts(self, keys: Key[Array, "*shape"], pool: Start | None) -> PyTree[Array]:
        """Return a random start for each key, `(time, env)` for a rollout.

        They are indices into the pool, or start states themselves if there is none; `fresh` takes both.
        """
        if pool is None:
            return self.reset_each(keys)
        drawn = jax.vmap(lambda key: jax.random.randint(key, (), 0, self.reset_pool))(keys.reshape(-1))
        return drawn.reshape(keys.shape)

    def fresh(self, pool: Start | None, starts: PyTree[Array]) -> Start:
        """Return the start states of one step from its entries of `starts`."""
        return starts if pool is None else jax.tree.map(lambda x: x[starts], pool)

    def step(self, keys: Key[Array, " env"], state: EnvState, action: Array, fresh: Start) -> Step:
        """Step every env once; an env whose episode ends goes on from its entry in `fresh`, unless it `goes_on` as it is.

        Actions are `(env,)` if discrete, else `(env, action)` in the env's own units; they are clipped to its bounds.
        """
        next_obs, next_state, reward, terminated, truncated = jax.vmap(self.step_one)(keys, state, action)
        over = terminated | truncated
        if hasattr(self.env, "goes_on"):
            over &= ~(terminated & jax.vmap(self.env.goes_on)(next_state))
        obs, state = jax.tree.map(
            lambda new, old: jnp.where(over.reshape(over.shape + (1,) * (old.ndim - 1)), new, old),
            fresh,
            (next_obs, next_state),
        )
        return Step(state, obs, next_obs, reward, terminated, truncated)

    def reset_one(self, key: PRNGKeyArray) -> Start:
        """Return a start of one env."""
        return base.strong(self.env.reset(key, self.params))

    def step_one(self, key: PRNGKeyArray, state: EnvState, action: Array) -> base.Transition:
        """Return what an action of one env leads to; never both terminated and truncated."""
        obs, state, reward, terminated, truncated = self.env.step(key, state, self._native(action), self.params)
        terminated = jnp.asarray(terminated, bool)
        truncated = jnp.asarray(truncated, bool) & ~terminated
        return base.Transition(
            base.strong(obs), base.strong(state), jnp.asarray(reward, jnp.float32), terminated, truncated
        )

    def first_step(self, key: PRNGKeyArray) -> tuple[Start, base.Transition]:
        """Return a start of one env, and what one action leads to."""
        start = self.reset_one(key)
        return start, self.step_one(key, start[1], self._middle_action())

    def some_action(self) -> Array:
        """Return an action in the env's own form: the first one, or the middle of its bounds."""
        return self._native(self._middle_action())

    def _middle_action(self) -> Array:
        return jnp.zeros((), jnp.int32) if self.discrete else self.scaled(jnp.zeros(self.action_size))

    @functools.cached_property
    def _bounds(self) -> np.ndarray:
        """The lowest and the highest value of each component of an action, in an action's shape."""
        return np.stack([np.asarray(bound, np.float32) for bound in (self.env.action_low, self.env.action_high)])

    def _native(self, action: Array) -> Array:
        if self.discrete:
            return action
        low, high = self._bounds
        return jnp.clip(action.reshape(low.shape), low, high)

    def _check_param_name(self, name: str) -> None:
        reason = base.fixed_params(self.env).get(name)
        if reason is not None:
            raise InputError(f"parameter {name!r} of environment {self.name!r} can't vary: it {reason}")
        if name not in self.param_defaults:
            raise unknown("parameter", name, self.param_defaults, f"of environment {self.name!r}")


def make(name: str, **arguments: Any) -> VectorEnv:
    """Return the environment of that name, ready to be stepped side by side.

    Keywords are arguments as those behind the name's question mark.

    Raises:
        InputError: unknown name or argument, its library is not installed, or a class of the user's that can't be stepped.
    """
    name = registry.full_name(name, **arguments)
    request, env = registry.parse(name), registry.make(name)
    pool = request.reset_pool if request.reset_pool is not None else DEFAULT_POOL if env.dear_reset else 0
    made = VectorEnv(env, env.params, name, pool)
    if request.library is registry.USER_CLASS:
        checks.check(made)
    return made


def _dtype(default: bool | int | float) -> np.dtype:
    return np.dtype({bool: np.bool_, int: np.int32, float: np.float32}[type(default)])


def _cast(value: Array | float, default: bool | int | float) -> Array | float:
    """Return a Python number as one, so that it is a constant of the program, and an array as a strong scalar."""
    return type(default)(value) if isinstance(value, numbers.Number) else jnp.asarray(value, _dtype(default))
