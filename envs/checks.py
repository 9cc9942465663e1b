"""What is refused before anything is trained: facts, shapes and limits of an environment that break the contract.

`envs.testing.check_env` checks more, by playing.
"""

import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from arl.errors import InputError, first_line
from envs import base, registry
from envs.base import Env

if TYPE_CHECKING:
    from envs.vector import VectorEnv

NUM_TRIES = 4


def check(env: "VectorEnv") -> None:
    """Refuse an environment whose facts, shapes or limit break the contract of `envs.base.Env`.

    Raises:
        InputError: one line with the environment's name, the rule and what it gave.
    """
    check_facts(env.env, env.name)
    check_shapes(env)
    check_limit(env)


def check_facts(env: Env, name: str) -> None:
    """Refuse a wrong limit, return range, number of actions or bounds of actions, and params that are no numbers.

    Raises:
        InputError: as `check`.
    """
    registry.checked_limit(name, env.episode_limit)
    if env.return_range is not None:
        registry.checked_range(name, env.return_range)
    _check_params(env, name)
    if env.num_actions is not None and (env.action_low is not None or env.action_high is not None):
        raise InputError(f"environment {name!r} must have num_actions, or action_low and action_high, got both")
    if env.num_actions is None:
        _check_bounds(env, name)
    elif not isinstance(env.num_actions, int | np.integer) or env.num_actions < 1:
        raise InputError(f"environment {name!r} must have a num_actions from 1 up or None, got {env.num_actions!r}")


def _check_params(env: Env, name: str) -> None:
    leaves, _ = jax.tree_util.tree_flatten_with_path(env.params)
    for path, leaf in leaves:
        dtype = leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
        if not any(jnp.issubdtype(dtype, kind) for kind in (jnp.number, jnp.bool_, jax.dtypes.extended)):
            place = ".".join(filter(None, ("params", base.path_name(path))))
            raise InputError(
                f"environment {name!r} must have params that are numbers or bools, others as attributes of its class or "
                f"fields with pytree_node=False, got {place} = {leaf!r}"
            )


def _check_bounds(env: Env, name: str) -> None:
    low, high = env.action_low, env.action_high
    if low is None or high is None:
        raise InputError(f"environment {name!r} must have num_actions, or action_low and action_high, got neither")
    if np.shape(low) != np.shape(high) or not np.all(np.less(low, high)):
        raise InputError(
            f"environment {name!r} must have action_low below action_high in each component, got {low!r} and {high!r}"
        )


def check_shapes(env: "VectorEnv") -> None:
    """Refuse an environment that can't be traced, or whose steps give other shapes and types than its resets.

    Raises:
        InputError: as `check`.
    """
    try:
        start, after = jax.eval_shape(env.first_step, jax.random.key(0))
    except Exception as error:  # the user's class can fail in any way
        raise InputError(
            f"environment {env.name!r} can't be stepped: {type(error).__name__}: {first_line(error)}"
        ) from error
    by_reset, by_step = described(start), described((after.obs, after.state))
    if by_reset != by_step:
        raise InputError(
            f"environment {env.name!r} must give the same shapes and types by a reset and by a step, "
            f"got {by_reset} and {by_step}"
        )
    for fact, value in _flags(env).items():
        if not hasattr(value, "dtype") or not (value.dtype == bool or jnp.issubdtype(value.dtype, jnp.number)):
            raise InputError(f"environment {env.name!r} must give a truth value as {fact}, got {value!r}")
    for fact in ("reward", "terminated", "truncated"):
        if getattr(after, fact).shape:
            raise InputError(
                f"environment {env.name!r} must give one number as {fact}, got shape {getattr(after, fact).shape}"
            )


def _flags(env: "VectorEnv") -> dict[str, Any]:
    """Return what a step gives as `terminated` and `truncated`, before it is made an array."""

    def flags(key: jax.Array) -> dict[str, Any]:
        _, state = env.env.reset(key, env.params)
        after = env.env.step(key, state, env.some_action(), env.params)
        return {"terminated": after[3], "truncated": after[4]}

    return jax.eval_shape(flags, jax.random.key(0))


def check_limit(env: "VectorEnv") -> None:
    """Refuse an environment that reports its time limit as a natural end.

    Episodes at their start, but for a clock (the state's leaf `time`) that stands one step before the limit, must not all
    terminate where those with a clock one step earlier do not.

    Raises:
        InputError: as `check`.
    """
    if env.episode_limit >= 2 and has_clock(env) and _terminate_by_clock(env) == [True, False]:
        raise InputError(
            f"environment {env.name!r} must leave its time limit of {env.episode_limit} env steps out of terminated "
            "(of done), got episodes that terminate by their clock alone"
        )


def has_clock(env: "VectorEnv") -> bool:
    """Return whether the state has a scalar leaf `time`."""
    _, state = jax.eval_shape(env.reset_one, jax.random.key(0))
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return any(base.path_name(path) == "time" and leaf.shape == () for path, leaf in leaves)


def _terminate_by_clock(env: "VectorEnv") -> list[bool]:
    """Return whether all of a few fresh episodes terminate at once, their clocks one and two steps before the limit."""

    def terminated(key: jax.Array, time: jax.Array) -> jax.Array:
        key_reset, key_action, key_step = jax.random.split(key, 3)
        _, state = env.reset_one(key_reset)
        late = jax.tree_util.tree_map_with_path(
            lambda path, leaf: jnp.full_like(leaf, time) if base.path_name(path) == "time" else leaf, state
        )
        return env.step_one(key_step, late, random_action(env, key_action)).terminated

    program = jax.jit(jax.vmap(terminated, in_axes=(0, None)))
    keys = jax.random.split(jax.random.key(0), NUM_TRIES)
    return [bool(program(keys, np.int32(env.episode_limit - before)).all()) for before in (1, 2)]


def random_action(env: "VectorEnv", key: jax.Array) -> jax.Array:
    """Return a random action of one env: uniform over integers or between finite bounds, else standard normal."""
    if env.discrete:
        return jax.random.randint(key, (), 0, env.action_size)
    if env.bounded:
        return env.scaled(jax.random.uniform(key, (env.action_size,), minval=-1.0, maxval=1.0))
    return jax.random.normal(key, (env.action_size,))


def described(tree: PyTree) -> PyTree[str]:
    """Return a pytree of arrays with each array's dtype and shape in words: `float32(4,)`."""
    return jax.tree.map(lambda x: f"{x.dtype}{x.shape}", tree)


def check_number(name: str, param: str, value: Any, default: bool | int | float) -> None:
    """Refuse a value of a param that is no finite number of the default's type.

    Raises:
        InputError: one line with the param, the environment, the rule and the value.
    """
    kinds: dict[type, tuple[Any, str]] = {
        bool: (bool | np.bool_, "true or false"),
        int: (int | np.integer, "an integer"),
        float: (int | float | np.integer | np.floating, "a number"),
    }
    kind, article = kinds[type(default)]
    if not isinstance(value, kind) or isinstance(value, bool | np.bool_) != isinstance(default, bool):
        raise InputError(f"parameter {param!r} of environment {name!r} must be {article}, got {value!r}")
    if not math.isfinite(value):
        raise InputError(f"parameter {param!r} of environment {name!r} must be finite, got {value!r}")
