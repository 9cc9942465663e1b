"""A replay memory: a ring of transitions whose capacity is an array, with uniform or prioritized sampling.

A transition is one row of numbers, so that a sample is a single gather. Rows stand in the order of time, the envs of one
step side by side: `row = slot * num_envs + env`. The ring turns within the first `buffer_size` rows of memory that is
allocated for more, so that lanes with other capacities share a program. Nothing passes over the whole memory.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from arl.algorithms import sum_tree
from envs.vector import VectorEnv

_NOWHERE = 1 << 30


class Replay(NamedTuple):
    """The memory, and where it stands.

    Attributes:
        position: the slot that is written next.
        size: how many slots hold transitions, from the first on.
        time: steps written so far; each row has its own, which tells whether two rows follow each other.
        priorities: of prioritized replay, each to the power `priority_alpha`; else None.
        max_priority: the largest so far; new transitions get it.
    """

    rows: Float[Array, "row column"]
    position: Int[Array, ""]
    size: Int[Array, ""]
    time: Int[Array, ""]
    priorities: sum_tree.SumTree | None
    max_priority: Float[Array, ""]


class Transitions(NamedTuple):
    """Transitions over one step, or over up to `n_step` steps of one episode.

    `reward` is the discounted sum over these steps, `next_obs` what they led to, and `discount` the factor of its value:
    gamma to the number of steps, 0 where the episode terminated.
    """

    obs: Float[Array, "batch feature"]
    action: Float[Array, "batch action"]
    reward: Float[Array, " batch"]
    next_obs: Float[Array, "batch feature"]
    discount: Float[Array, " batch"]


def init(config: Any, env: VectorEnv) -> Replay:
    """An empty replay with memory for `config.max_buffer_size` transitions."""
    num_rows = max(config.max_buffer_size // config.num_envs, 1) * config.num_envs
    zero = jnp.zeros((), jnp.int32)
    return Replay(
        rows=jnp.zeros((num_rows, _num_columns(env))),
        position=zero,
        size=zero,
        time=zero,
        priorities=sum_tree.init(num_rows) if config.prioritized else None,
        max_priority=jnp.ones(()),
    )


def add(
    replay: Replay,
    config: Any,
    obs: Float[Array, "env feature"],
    action: Float[Array, "env action"],
    reward: Float[Array, " env"],
    next_obs: Float[Array, "env feature"],
    terminated: Bool[Array, " env"],
    done: Bool[Array, " env"],
) -> Replay:
    """The replay with one more step of every env, in place of the oldest if it is full."""
    slots = jnp.maximum(config.buffer_size // config.num_envs, 1)
    slot = replay.position % slots
    first = slot * config.num_envs
    time = jnp.full(reward.shape, replay.time, jnp.float32)
    rest = jnp.stack([reward, terminated, done, time], axis=1)
    rows = jnp.concatenate([obs, next_obs, action, rest], axis=1)
    priorities = replay.priorities
    if priorities is not None:
        new = jnp.broadcast_to(replay.max_priority, reward.shape)
        priorities = sum_tree.update(priorities, first + jnp.arange(config.num_envs), new)
    return replay._replace(
        rows=jax.lax.dynamic_update_slice(replay.rows, rows, (first, 0)),
        position=slot + 1,
        size=jnp.maximum(replay.size, slot + 1),
        time=replay.time + 1,
        priorities=priorities,
    )


def sample(replay: Replay, config: Any, key: PRNGKeyArray) -> tuple[Int[Array, " batch"], Float[Array, " batch"]]:
    """Rows drawn with replacement, and the weight of each in the loss.

    Uniform, of weight 1; or prioritized (Schaul et al. 2016, arXiv:1511.05952): proportional to the priorities, one draw
    from each of `batch_size` equal parts of their sum, weighted by (N P(i))^-priority_beta over the batch's largest.
    """
    num_rows = replay.size * config.num_envs
    uniform = jax.random.uniform(key, (config.batch_size,))
    if replay.priorities is None:
        return _within((uniform * num_rows).astype(jnp.int32), num_rows), jnp.ones(config.batch_size)
    total = sum_tree.total(replay.priorities)
    targets = (jnp.arange(config.batch_size) + uniform) / config.batch_size * total
    rows = _within(sum_tree.find(replay.priorities, targets), num_rows)
    probability = sum_tree.get(replay.priorities, rows) / total
    weights = jnp.maximum(num_rows * probability, 1e-12) ** -config.priority_beta
    return rows, weights / jnp.max(weights)


def gather(replay: Replay, config: Any, env: VectorEnv, rows: Int[Array, " batch"]) -> Transitions:
    """The transitions that begin at `rows`, over `config.n_step` steps.

    They end sooner where the episode ended, and where the next row is of another time, at the newest step. What they led to
    is then bootstrapped from there.
    """
    step = _unpacked(replay.rows[rows], env)
    reward, next_obs, terminated = step.reward, step.next_obs, step.terminated
    goes_on, gamma = ~step.done, jnp.full(reward.shape, config.gamma)
    for k in range(1, config.n_step):
        after = (rows + k * config.num_envs) % (replay.size * config.num_envs)
        later = _unpacked(replay.rows[after], env)
        goes_on = goes_on & (later.time == step.time + k)
        reward = reward + jnp.where(goes_on, gamma * later.reward, 0.0)
        next_obs = jnp.where(goes_on[:, None], later.next_obs, next_obs)
        terminated = jnp.where(goes_on, later.terminated, terminated)
        gamma = jnp.where(goes_on, gamma * config.gamma, gamma)
        goes_on = goes_on & ~later.done
    return Transitions(step.obs, step.action, reward, next_obs, gamma * ~terminated)


def set_priorities(
    replay: Replay,
    config: Any,
    rows: Int[Array, " batch"],
    td_error: Float[Array, " batch"],
    active: Bool[Array, ""],
) -> Replay:
    """The replay with the priorities |td_error| + `priority_epsilon` at `rows`, if `active`."""
    if replay.priorities is None:
        return replay
    priority = (jnp.abs(td_error) + config.priority_epsilon) ** config.priority_alpha
    rows = jnp.where(active, rows, _NOWHERE)
    largest = jnp.where(active, jnp.maximum(replay.max_priority, jnp.max(priority)), replay.max_priority)
    return replay._replace(priorities=sum_tree.update(replay.priorities, rows, priority), max_priority=largest)


class _Step(NamedTuple):
    obs: Array
    next_obs: Array
    action: Array
    reward: Array
    terminated: Array
    done: Array
    time: Array


def _num_columns(env: VectorEnv) -> int:
    return 2 * env.obs_size + _action_columns(env) + 4


def _action_columns(env: VectorEnv) -> int:
    return 1 if env.discrete else env.action_size


def _unpacked(rows: Float[Array, "batch column"], env: VectorEnv) -> _Step:
    size = env.obs_size
    obs, next_obs = rows[:, :size], rows[:, size : 2 * size]
    action, (reward, terminated, done, time) = rows[:, 2 * size : -4], rows[:, -4:].T
    return _Step(obs, next_obs, action, reward, terminated > 0, done > 0, time)


def _within(rows: Int[Array, " batch"], num_rows: Int[Array, ""]) -> Int[Array, " batch"]:
    """Rows brought below `num_rows`: rounding may draw one beyond the last."""
    return rows % jnp.maximum(num_rows, 1)
