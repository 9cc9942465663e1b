"""A replay memory: a ring of transitions whose capacity is an array, with uniform or prioritized sampling.

Rows stand in the order of time, the envs of one step side by side: `row = slot * num_envs + env`. The step of time t is in
slot `t % slots`, where `slots` follows from `buffer_size`: less than memory is allocated for, so that lanes with other
capacities share a program. Nothing passes over the whole memory.

Each observation is stored once, in its own shape and dtype. The frames are a ring of one slot more: frame t is what was
observed before step t, and frame t + 1 what the step led to, unless the episode ended. Where it was truncated, the agent
bootstraps from its last observation, which is kept behind the ring: a truncated episode has `episode_limit` steps, so that
there is at most one in each stretch of as many steps.

    time     0   1   2 | 3   4          an episode of 3 steps is truncated, the next one begins
    frames   a   b   c | e   f   g      what step 2 led to is not e
    behind               d              but d
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from arl.algorithms import random_keys, sum_tree
from arl.hyperparameters.off_policy import OffPolicyConfig
from envs.vector import VectorEnv

_NOWHERE = 1 << 30


class Replay(NamedTuple):
    """The memory, and where it stands.

    Attributes:
        frames: observations, arrays `(row, ...)`; behind the ring, the last ones of truncated episodes.
        steps: a row per step: the action's components, the reward, and whether it terminated and truncated the episode.
        time: how many steps were written in each env.
        priorities: of prioritized replay, each to the power `priority_alpha`; else None.
        max_priority: the largest so far; new transitions get it.
    """

    frames: PyTree[Array]
    steps: Float[Array, "row column"]
    time: Int[Array, ""]
    priorities: sum_tree.SumTree | None
    max_priority: Float[Array, ""]


class Transitions(NamedTuple):
    """Transitions over one step, or over up to `n_step` steps of one episode.

    `reward` is the discounted sum over these steps, `next_obs` what they led to, and `discount` the factor of its value:
    gamma to the number of steps, 0 where the episode terminated (`next_obs` is then any observation).
    """

    obs: PyTree[Array]
    action: Float[Array, "batch action"]
    reward: Float[Array, " batch"]
    next_obs: PyTree[Array]
    discount: Float[Array, " batch"]


def init(config: OffPolicyConfig, env: VectorEnv, obs: PyTree[Array]) -> Replay:
    """Return an empty replay with memory for `config.max_buffer_size` transitions.

    Args:
        config: the agent's.
        env: the env.
        obs: the first observations, arrays `(env, ...)`.
    """
    num_rows = _max_slots(config) * config.num_envs
    num_frames = _ring_rows(config) + _num_finals(config, env) * config.num_envs
    blank = jax.tree.map(lambda x: jnp.zeros((num_frames, *x.shape[1:]), x.dtype), obs)
    return Replay(
        frames=_written(blank, obs, jnp.zeros((), jnp.int32)),
        steps=jnp.zeros((num_rows, (1 if env.discrete else env.action_size) + 3)),
        time=jnp.zeros((), jnp.int32),
        priorities=sum_tree.init(num_rows) if config.prioritized else None,
        max_priority=jnp.ones(()),
    )


def size(replay: Replay, config: OffPolicyConfig) -> Int[Array, ""]:
    """Return how many slots hold transitions, from the first on."""
    return jnp.minimum(replay.time, _slots(config))


def add(
    replay: Replay,
    config: OffPolicyConfig,
    env: VectorEnv,
    action: Float[Array, "env action"],
    reward: Float[Array, " env"],
    terminated: Bool[Array, " env"],
    truncated: Bool[Array, " env"],
    last_obs: PyTree[Array],
    next_frame: PyTree[Array],
) -> Replay:
    """Return the replay with a step of every env, in place of the oldest if it is full.

    Args:
        replay: the memory, whose newest frame is what the actions were chosen from.
        config: the agent's.
        env: the env.
        action: the actions, discrete ones as a single component.
        reward: the rewards.
        terminated: whether the episodes terminated.
        truncated: whether they were truncated.
        last_obs: what the actions led to, arrays `(env, ...)`.
        next_frame: where the next actions are taken: the same, or the start of a new episode.
    """
    slots = _slots(config)
    first = _rem(replay.time, slots) * config.num_envs
    steps = jnp.concatenate([action, jnp.stack([reward, terminated, truncated], axis=1)], axis=1)
    frames = _written(replay.frames, next_frame, _rem(replay.time + 1, slots + 1) * config.num_envs)
    frames = _with_last(frames, last_obs, truncated, _final_rows(replay.time, jnp.zeros((), jnp.int32), config, env))
    priorities = replay.priorities
    if priorities is not None:
        newest = jnp.broadcast_to(replay.max_priority, reward.shape)
        priorities = sum_tree.update(priorities, first + jnp.arange(config.num_envs), newest)
    return replay._replace(
        frames=frames,
        steps=jax.lax.dynamic_update_slice(replay.steps, steps, (first, 0)),
        time=replay.time + 1,
        priorities=priorities,
    )


def priority_beta(config: OffPolicyConfig, env_steps: Int[Array, ""]) -> Float[Array, ""]:
    """Return the exponent of the weights of prioritized transitions after some env steps."""
    share = jnp.minimum(env_steps / config.schedule_steps, 1.0) * config.anneal_priority_beta
    return config.priority_beta + share * (1.0 - config.priority_beta)


def sample(
    replay: Replay, config: OffPolicyConfig, keys: Key[Array, " batch"], env_steps: Int[Array, ""]
) -> tuple[Int[Array, " batch"], Float[Array, " batch"]]:
    """Return a row for each key, drawn with replacement, and the weight of each in the loss.

    Uniform, of weight 1; or prioritized (Schaul et al. 2016, arXiv:1511.05952): proportional to the priorities, one draw
    from each of `batch_size` equal parts of their sum, weighted by (N P(i))^-beta over the batch's largest.
    """
    num_rows = size(replay, config) * config.num_envs
    uniform = random_keys.uniform(keys)
    if replay.priorities is None:
        return _within((uniform * num_rows).astype(jnp.int32), num_rows), jnp.ones(config.batch_size)
    total = sum_tree.total(replay.priorities)
    targets = (jnp.arange(config.batch_size) + uniform) / config.batch_size * total
    rows = _within(sum_tree.find(replay.priorities, targets), num_rows)
    probability = sum_tree.get(replay.priorities, rows) / total
    weights = jnp.maximum(num_rows * probability, 1e-12) ** -priority_beta(config, env_steps)
    return rows, weights / jnp.max(weights)


def gather(replay: Replay, config: OffPolicyConfig, env: VectorEnv, rows: Int[Array, " batch"]) -> Transitions:
    """Return the transitions that begin at `rows`, over `config.n_step` steps.

    They end sooner where the episode ended, and at the newest step. What they led to is then bootstrapped from there.
    """
    num_envs, slots = config.num_envs, _slots(config)
    slot, lane = _div(rows, num_envs), _rem(rows, num_envs)
    age = _rem(replay.time - 1 - slot + slots, slots)  # how many steps were written after this one
    time = replay.time - 1 - age
    later_slots = _rem(slot + jnp.arange(config.n_step)[:, None], slots)
    action, *steps = _unpacked(replay.steps[later_slots * num_envs + lane])  # of all n steps, in one gather
    reward, terminated, truncated = (x[0] for x in steps)
    goes_on, gamma, last = ~(terminated | truncated), jnp.full(reward.shape, config.gamma), time
    for k in range(1, config.n_step):
        later = [x[k] for x in steps]
        goes_on = goes_on & (k <= age)
        reward = reward + jnp.where(goes_on, gamma * later[0], 0.0)
        terminated, truncated = jnp.where(goes_on, later[1], terminated), jnp.where(goes_on, later[2], truncated)
        gamma, last = jnp.where(goes_on, gamma * config.gamma, gamma), jnp.where(goes_on, time + k, last)
        goes_on = goes_on & ~(later[1] | later[2])
    first_rows, next_rows = (_rem(t, slots + 1) * num_envs + lane for t in (time, last + 1))
    last_rows = jnp.where(truncated, _final_rows(last, lane, config, env), next_rows)
    both = jnp.concatenate([first_rows, last_rows])  # in one gather
    frames = jax.tree.map(lambda x: x[both].reshape(2, -1, *x.shape[1:]), replay.frames)
    obs, next_obs = (jax.tree.map(lambda x, i=i: x[i], frames) for i in range(2))
    return Transitions(obs, action[0], reward, next_obs, gamma * ~terminated)


def set_priorities(
    replay: Replay,
    config: OffPolicyConfig,
    rows: Int[Array, " batch"],
    td_error: Float[Array, " batch"],
    active: Bool[Array, ""],
) -> Replay:
    """Return the replay with the priorities |td_error| + `priority_epsilon` at `rows`, if `active`."""
    if replay.priorities is None:
        return replay
    priority = (jnp.abs(td_error) + config.priority_epsilon) ** config.priority_alpha
    rows = jnp.where(active, rows, _NOWHERE)
    largest = jnp.where(active, jnp.maximum(replay.max_priority, jnp.max(priority)), replay.max_priority)
    return replay._replace(priorities=sum_tree.update(replay.priorities, rows, priority), max_priority=largest)


def _slots(config: OffPolicyConfig) -> Int[Array, ""]:
    """Return how many steps of every env the replay holds."""
    return jnp.maximum(config.buffer_size // config.num_envs, 1)


def _max_slots(config: OffPolicyConfig) -> int:
    """Return how many steps of every env there is memory for."""
    return max(config.max_buffer_size // config.num_envs, 1)


def _ring_rows(config: OffPolicyConfig) -> int:
    """Return how many frames there is memory for before the last ones of truncated episodes."""
    return (_max_slots(config) + 1) * config.num_envs


def _num_finals(config: OffPolicyConfig, env: VectorEnv) -> int:
    """Return how many stretches of `episode_limit` steps the steps of a full replay touch at most."""
    return _max_slots(config) // env.episode_limit + 2


def _final_rows(
    time: Int[Array, "*batch"], lane: Int[Array, "*batch"], config: OffPolicyConfig, env: VectorEnv
) -> Int[Array, "*batch"]:
    """Return the row of the last observation of an episode that was truncated by the step of this time, in an env."""
    slot = _rem(_div(time, env.episode_limit), _num_finals(config, env))
    return _ring_rows(config) + slot * config.num_envs + lane


def _written(rows: PyTree[Array], obs: PyTree[Array], first: Int[Array, ""]) -> PyTree[Array]:
    """Return the rows with observations of all envs from `first` on."""
    return jax.tree.map(lambda x, new: jax.lax.dynamic_update_slice(x, new, (first, *[0] * (x.ndim - 1))), rows, obs)


def _with_last(
    rows: PyTree[Array], last_obs: PyTree[Array], truncated: Bool[Array, " env"], first: Int[Array, ""]
) -> PyTree[Array]:
    """Return the rows with the last observations of truncated episodes, in those of their envs, from `first` on."""

    def written(rows: Array, obs: Array) -> Array:
        old = jax.lax.dynamic_slice_in_dim(rows, first, obs.shape[0])
        new = jnp.where(truncated.reshape(-1, *[1] * (obs.ndim - 1)), obs, old)
        return jax.lax.dynamic_update_slice_in_dim(rows, new, first, 0)

    return jax.tree.map(written, rows, last_obs)


def _unpacked(steps: Float[Array, "*batch column"]) -> tuple[Array, Array, Array, Array]:
    """Return actions `(*batch, action)`, rewards, and whether episodes were terminated and truncated, `(*batch,)`."""
    reward, terminated, truncated = (steps[..., column] for column in (-3, -2, -1))
    return steps[..., :-3], reward, terminated > 0, truncated > 0


def _within(rows: Int[Array, " batch"], num_rows: Int[Array, ""]) -> Int[Array, " batch"]:
    """Return rows brought below `num_rows`: rounding may draw one beyond the last."""
    return _rem(rows, jnp.maximum(num_rows, 1))


def _rem(x: Int[Array, "*batch"], y: Int[Array, ""] | int) -> Int[Array, "*batch"]:
    """Return the remainder of numbers that are not negative: a single operation, where `%` minds signs by several."""
    return jax.lax.rem(x, jnp.broadcast_to(jnp.asarray(y, x.dtype), x.shape))


def _div(x: Int[Array, "*batch"], y: Int[Array, ""] | int) -> Int[Array, "*batch"]:
    """Return the whole quotient of numbers that are not negative."""
    return jax.lax.div(x, jnp.broadcast_to(jnp.asarray(y, x.dtype), x.shape))
