"""The conformance suite for environments: what every environment must do, checked by playing it.

>>> from envs.testing import check_env
>>> check_env(Maze)                   # a class, an object, or a name: registered, library/env, `file.py:Class`
>>> check_env("brax/ant", num_steps=20, backend="spring")
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from arl.errors import InputError
from envs import checks, user_class, vector
from envs.base import Env
from envs.vector import VectorEnv

NUM_ENVS = 4
NUM_LOOP_STEPS = 3


def check_env(env: str | type | Env, num_steps: int | None = None, **arguments: Any) -> None:
    """Check that an environment keeps the contract of `docs/environments.md`.

    Resets and steps give the same shapes and types, a scalar reward and finite numbers. Episodes end by the limit, are
    truncated only there, and the limit is no part of `terminated`. Steps side by side in a compiled program are those of a
    loop, and the same key gives the same bits. Params that may vary can be traced, and given their defaults change nothing.

    Args:
        env: the environment, its class, or its name.
        num_steps: env steps to play; by default two more than the limit.
        arguments: those of the class's constructor, or of the name.

    Raises:
        AssertionError: the first promise that is broken, in one line with the name of the environment.
    """
    try:
        made = _made(env, arguments)
        checks.check(made)
        made.check_params(made.param_defaults)
    except InputError as error:
        raise AssertionError(str(error)) from error
    where = f"environment {made.name!r}"
    play = _play(made, made.episode_limit + 2 if num_steps is None else num_steps)
    _check_numbers(play, where)
    _check_ends(play, made, where)
    _check_loop(made, where)
    _check_default_params(made, where)
    _check_drawing(made, where)


class Play(NamedTuple):
    """Random actions in a few envs; leaves have axes `(time, env)`. `at_limit`: the episode has reached the limit."""

    obs: Any
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    at_limit: np.ndarray


def _made(env: str | type | Env, arguments: dict[str, Any]) -> VectorEnv:
    if isinstance(env, str):
        return vector.make(env, **arguments)
    if isinstance(env, type):
        made = user_class.of_class(env, env.__name__, **arguments)
        return VectorEnv(made, made.params, env.__name__)
    made = user_class.of_object(env, type(env).__name__, **arguments)
    return VectorEnv(made, made.params, type(env).__name__)


def _play(env: VectorEnv, num_steps: int) -> Play:
    program = jax.jit(rollout, static_argnums=(0, 2, 3))
    steps, again = (jax.device_get(program(env, jax.random.key(0), num_steps, NUM_ENVS)) for _ in range(2))
    same = all(x.tobytes() == y.tobytes() for x, y in zip(jax.tree.leaves(steps), jax.tree.leaves(again), strict=True))
    _require(same, f"environment {env.name!r} must give the same bits for the same key, got others")
    done = steps.terminated | steps.truncated
    return Play(steps.next_obs, steps.reward, steps.terminated, steps.truncated, _lengths(done) >= env.episode_limit)


def rollout(env: VectorEnv, key: jax.Array, num_steps: int, num_envs: int) -> vector.Step:
    """Return the steps `(time, env)`, without their states, that random actions lead to."""
    shape = (num_steps, num_envs)
    key_start, key_pool, key_fresh, key_action, key_step = jax.random.split(key, 5)
    pool = env.pool(key_pool)
    starts = env.starts(jax.random.split(key_fresh, shape), pool)
    actions = jax.vmap(jax.vmap(lambda key: checks.random_action(env, key)))(jax.random.split(key_action, shape))

    def step(state: Any, drawn: Any) -> tuple[Any, vector.Step]:
        keys, action, starts = drawn
        after = env.step(keys, state, action, env.fresh(pool, starts))
        return after.state, after._replace(state=None)

    _, start = env.reset(key_start, (num_envs,))
    _, steps = jax.lax.scan(step, start, (jax.random.split(key_step, shape), actions, starts))
    return steps


def _lengths(done: np.ndarray) -> np.ndarray:
    """Return how long each env's episode is after each step."""
    lengths, length = np.zeros(done.shape, int), np.zeros(done.shape[1], int)
    for t, ended in enumerate(done):
        lengths[t] = length = length + 1
        length = np.where(ended, 0, length)
    return lengths


def _check_numbers(play: Play, where: str) -> None:
    _require_finite(play.reward, f"{where} must give finite rewards")
    for leaf in jax.tree.leaves(play.obs):
        if np.issubdtype(leaf.dtype, np.floating):
            _require_finite(leaf, f"{where} must give finite observations")


def _require_finite(values: np.ndarray, rule: str) -> None:
    wrong = values[~np.isfinite(values)]
    _require(wrong.size == 0, f"{rule}, got {float(wrong[0]) if wrong.size else None}")


def _check_ends(play: Play, env: VectorEnv, where: str) -> None:
    early = int((play.truncated & ~play.at_limit).sum())
    _require(
        not early, f"{where} must truncate episodes at its limit of {env.episode_limit} only, got {early} before it"
    )
    missed = int((play.at_limit & ~play.terminated & ~play.truncated).sum())
    _require(not missed, f"{where} must end episodes by its limit of {env.episode_limit}, got {missed} that went on")


def _check_loop(env: VectorEnv, where: str) -> None:
    """Start and step one env alone, and compare with the same side by side with others."""

    def play(key: jax.Array) -> Any:
        def step(state: Any, key: jax.Array) -> tuple[Any, Any]:
            key_action, key_step = jax.random.split(key)
            after = env.step_one(key_step, state, checks.random_action(env, key_action))
            return after.state, (after.obs, after.reward, after.terminated)

        obs, state = env.reset_one(key)
        return obs, jax.lax.scan(step, state, jax.random.split(key, NUM_LOOP_STEPS))[1]

    keys = jax.random.split(jax.random.key(2), NUM_ENVS)
    together, alone = jax.device_get((jax.jit(jax.vmap(play))(keys), jax.jit(play)(keys[0])))
    for batched, single in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
        difference = np.max(np.abs(batched[0].astype(np.float64) - single.astype(np.float64)), initial=0.0)
        _require(
            np.allclose(batched[0], single, rtol=1e-3, atol=1e-4),
            f"{where} must give the same alone and side by side, got numbers that differ by up to {difference:.3g}",
        )


def _check_default_params(env: VectorEnv, where: str) -> None:
    given = env.with_params(env.param_defaults).params
    same = jax.tree.map(lambda new, default: bool(np.allclose(new, default)), given, env.params)
    _require(all(jax.tree.leaves(same)), f"{where} must keep its params if given their defaults, got {given}")


def _check_drawing(env: VectorEnv, where: str) -> None:
    if not hasattr(env.env, "draw"):
        return
    _, state = env.reset_one(jax.random.key(0))
    picture = np.asarray(env.env.draw(state, env.params))
    kind = f"{picture.dtype}{picture.shape}"
    is_picture = picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[-1] == 3
    _require(is_picture, f"{where} must draw a picture (height, width, 3) of uint8, got {kind}")


def _require(kept: Any, message: str) -> None:
    """Raise an AssertionError unless a promise is kept; an `assert` would vanish under `python -O`."""
    if not kept:
        raise AssertionError(message)
