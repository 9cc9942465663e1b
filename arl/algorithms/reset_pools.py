"""Pools of start states where resets are dear: which iterations draw from which pool.

A pool serves for `STRETCH` env steps, however long rollouts are. With 64 start states, that is one reset for 128 env steps:
even a reset that costs as much as a hundred steps adds less than a step to each of them, and 100,000 env steps still have
a dozen pools.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from arl.algorithms.parts import Count, Keys, Part, Programs
from envs.vector import Start, VectorEnv

Carry = TypeVar("Carry")

STRETCH = 8_192
_POOLS = np.uint32(2**32 - 1)  # folded into the key of training for pools; iterations fold in env steps, below 2**31


def over_stretches(
    train: Callable[[Start | None, Count, Count, Carry], Carry],
    carry: Carry,
    config: Any,
    env: VectorEnv,
    key: Keys,
    env_steps: Count,
    num_iterations: Count,
    unit: int,
    programs: Programs,
) -> Carry:
    """Train for some iterations, those of each stretch with a pool of their own; where resets are cheap, all at once.

    A pool depends on the key and the stretch alone, so that it is the same wherever training was cut into calls. An
    iteration draws from the pool of the stretch that it begins in; if it is longer than a stretch, it has its own pool.

    Args:
        train: maps a pool (None where resets are cheap), the env steps before, the number of iterations, and a carry to
            the carry after these iterations.
        carry: the first one.
        config: the agent's.
        env: the env.
        key: for all that is random in training.
        env_steps: those that the agent has seen.
        num_iterations: how many to train.
        unit: env steps of an iteration.
        programs: what runs parts.
    """
    if not env.reset_pool:
        return train(None, env_steps, num_iterations, carry)
    length = max(STRETCH, unit)
    first, last = env_steps // length, (env_steps + (num_iterations - 1) * unit) // length

    def iterations_before(stretch: Count) -> Count:
        return _clip(-((env_steps - stretch * length) // unit), 0, num_iterations)

    def in_stretch(i: Count, carry: Carry) -> Carry:
        stretch = first + i
        begin, end = iterations_before(stretch), iterations_before(stretch + 1)
        pool = programs.call(_POOL, (), (), config, env, key, stretch)
        return train(pool, env_steps + begin * unit, end - begin, carry)

    return programs.loop(last - first + 1, in_stretch, carry)


def _pool(changed: Any, read: Any, config: Any, env: VectorEnv, key: PRNGKeyArray, stretch: Count) -> Start | None:
    return env.pool(jax.random.fold_in(jax.random.fold_in(key, _POOLS), stretch))


_POOL = Part(_pool)


def _clip(count: Count, low: Count, high: Count) -> Count:
    """Return the nearest count from `low` to `high`: no array if they are none, since loops of the host need its value."""
    if any(isinstance(x, jax.Array) for x in (count, low, high)):
        return jnp.clip(count, low, high)
    return np.int32(min(max(count, low), high))
