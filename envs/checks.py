"""What is refused before anything is trained: facts, shapes, rewards and limits of an environment that break the contract.

`envs.testing.check_env` checks more, by playing.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from arl.errors import InputError, first_line
from envs import base, gymnax_library, registry
from envs.base import Env

if TYPE_CHECKING:
    from envs.vector import VectorEnv

NUM_TRIES = 4
_NUM_STEPS = 4  # two that show which leaves are clocks, one up to the step before the limit, one to the limit


def check(env: "VectorEnv") -> None:
    """Refuse an environment whose facts, shapes, rewards or limit break the contract of `envs.base.Env`.

    Raises:
        InputError: one line with the environment's name, the rule and what it gave.
    """
    check_facts(env.env, env.name)
    check_shapes(env)
    try:
        check_play(env)
    except jax.errors.JaxRuntimeError as error:
        reason = base.failure(error)
        if reason is None:
            raise
        raise InputError(reason) from error


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
        cause = f"{type(error).__name__}: {first_line(error)}".removesuffix(": ")
        mend = gymnax_library.mend(type(getattr(env.env, "raw", env.env)))
        raise InputError(f"environment {env.name!r} can't be stepped: {cause}{mend}") from error
    by_reset, by_step = described(start), described((after.obs, after.state))
    if jax.tree.flatten(by_reset) != jax.tree.flatten(by_step):  # classes of states may have an == of their own
        raise InputError(
            f"environment {env.name!r} must give the same shapes and types by a reset and by a step, "
            f"got {by_reset} and {by_step}"
        )
    _check_mask(env, start[0])
    for fact, value in _flags(env).items():
        if not hasattr(value, "dtype") or not (value.dtype == bool or jnp.issubdtype(value.dtype, jnp.number)):
            raise InputError(f"environment {env.name!r} must give a truth value as {fact}, got {value!r}")
    for fact in ("reward", "terminated", "truncated"):
        if getattr(after, fact).shape:
            raise InputError(
                f"environment {env.name!r} must give one number as {fact}, got shape {getattr(after, fact).shape}"
            )


def _check_mask(env: "VectorEnv", obs: PyTree[jax.ShapeDtypeStruct]) -> None:
    key = base.mask_key(env.env)
    mask = described(obs.get(key)) if isinstance(obs, dict) else None
    if key is not None and mask != f"bool({env.env.num_actions},)":
        raise InputError(
            f"environment {env.name!r} must observe a dict with a truth value for each action at its mask_key {key!r}, "
            f"got {mask}"
        )


def _flags(env: "VectorEnv") -> dict[str, Any]:
    """Return what a step gives as `terminated` and `truncated`, before it is made an array."""

    def flags(key: jax.Array) -> dict[str, Any]:
        _, state = env.env.reset(key, env.params)
        after = env.env.step(key, state, env.some_action(), env.params)
        return {"terminated": after[3], "truncated": after[4]}

    return jax.eval_shape(flags, jax.random.key(0))


def check_play(env: "VectorEnv") -> None:
    """Refuse an environment whose rewards are not finite, or that reports its time limit as a natural end.

    A few episodes are played at random. After two steps, their clocks (scalar leaves of the state that count env steps) are
    set to two steps before the limit; without a clock, or where that ends them, they are played to the limit. Those that have
    not ended before must not all terminate in the step that reaches it.

    Raises:
        InputError: as `check`.
    """
    play = _played(env, _NUM_STEPS, clocks_at=env.episode_limit - 2)
    _check_rewards(play.reward[:2], env.name)
    if not play.has_clock.any() or play.has_ended.all() or env.episode_limit <= _NUM_STEPS:
        play = _played(env, env.episode_limit)
        _check_rewards(play.reward, env.name)
    if env.episode_limit >= 2 and not play.has_ended.all() and play.terminated[-1, ~play.has_ended].all():
        raise InputError(
            f"environment {env.name!r} must leave its time limit of {env.episode_limit} env steps out of terminated "
            "(of done), got episodes that all terminate at it: add limit_in_done=true to its arguments to have them "
            "truncated there, or give a later limit if that is their natural end"
        )


class _Play(NamedTuple):
    """Random actions in a few episodes, axes `(time, try)`; and of each try, whether its state has a clock."""

    reward: np.ndarray
    terminated: np.ndarray
    has_clock: np.ndarray

    @property
    def has_ended(self) -> np.ndarray:
        """Whether each episode has terminated before the last step, `(try,)`."""
        return np.logical_or.reduce(self.terminated[:-1])


def _played(env: "VectorEnv", num_steps: int, clocks_at: int | None = None) -> _Play:
    """Play a few episodes at random; before the third step, their clocks are set to `clocks_at`."""
    may_be_clock = _may_be_clocks(jax.eval_shape(env.reset_one, jax.random.key(0))[1])

    def of_clocks(change: Callable[..., jax.Array], first: PyTree, *others: PyTree) -> PyTree:
        """Return the first pytree with the leaves changed that may be clocks."""
        return jax.tree.map(lambda may_be, *x: change(*x) if may_be else x[0], may_be_clock, first, *others)

    def step(carry: tuple[PyTree, PyTree], drawn: tuple[jax.Array, jax.Array]) -> tuple[Any, Any]:
        (state, is_clock), (i, key) = carry, drawn
        key_action, key_step = jax.random.split(key)
        if clocks_at is not None:
            state = of_clocks(
                lambda x, is_one: jnp.where(is_one & (i == 2), jnp.full_like(x, clocks_at), x), state, is_clock
            )
        after = env.step_one(key_step, state, random_action(env, key_action))
        is_clock = of_clocks(lambda is_one, x, new: is_one & (new == x + 1), is_clock, state, after.state)
        return (after.state, is_clock), (after.reward, after.terminated)

    def play(key: jax.Array) -> Any:
        key_start, key_steps = jax.random.split(key)
        start = env.reset_one(key_start)[1], jax.tree.map(jnp.asarray, may_be_clock)
        (_, is_clock), steps = jax.lax.scan(
            step, start, (jnp.arange(num_steps), jax.random.split(key_steps, num_steps))
        )
        return *steps, jnp.any(jnp.array(jax.tree.leaves(is_clock)))

    program = jax.jit(jax.vmap(play))
    reward, terminated, has_clock = jax.device_get(program(jax.random.split(jax.random.key(0), NUM_TRIES)))
    return _Play(reward.T, terminated.T, has_clock)


def _may_be_clocks(state: PyTree[jax.ShapeDtypeStruct]) -> PyTree[bool]:
    """Return which leaves of a state may count env steps: scalar numbers, or the one called `time` if it is one."""

    def is_number(leaf: jax.ShapeDtypeStruct) -> bool:
        return leaf.shape == () and jnp.issubdtype(leaf.dtype, jnp.number)

    def is_time(path: tuple[Any, ...], leaf: jax.ShapeDtypeStruct) -> bool:
        return base.path_name(path) == "time" and is_number(leaf)

    named = jax.tree_util.tree_map_with_path(is_time, state)
    return named if any(jax.tree.leaves(named)) else jax.tree.map(is_number, state)


def _check_rewards(reward: np.ndarray, name: str) -> None:
    wrong = reward[~np.isfinite(reward)]
    if wrong.size:
        raise InputError(f"environment {name!r} must give finite rewards, got {float(wrong[0])}")


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


def check_number(
    name: str,
    param: str,
    value: Any,
    default: bool | int | float,
    bounds: tuple[float, float] | None = None,
) -> None:
    """Refuse a value of a param that is no finite number of the default's type, or not within its bounds.

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
    if bounds is not None and not bounds[0] <= value <= bounds[1]:
        low, high = bounds
        raise InputError(f"parameter {param!r} of environment {name!r} must be in [{low:g}, {high:g}], got {value!r}")
