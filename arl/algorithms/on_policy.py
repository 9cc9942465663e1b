"""What algorithms share that learn from rollouts of the current policy: gathering one, and passes over it in minibatches."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PRNGKeyArray, PyTree

from arl.algorithms import metrics, normalizer, random_keys, reset_pools, rewards, shuffle
from arl.algorithms.metrics import Episodes, Metrics, Updates
from arl.algorithms.normalizer import Normalizer
from arl.algorithms.parts import Count, Keys, Part, Programs
from arl.algorithms.rewards import Returns
from arl.hyperparameters.on_policy import OnPolicyConfig
from envs.vector import Start, VectorEnv

Carry = TypeVar("Carry")
Samples = TypeVar("Samples")
State = TypeVar("State", bound=Any)

_SAMPLES_BYTES = 2**20  # of the arrays in which samples of rollouts are held


def iteration_steps(config: OnPolicyConfig) -> int:
    """Return the env steps of one iteration, the unit in which training can stop."""
    return config.num_envs * config.num_steps


def minibatch_size(config: OnPolicyConfig) -> int:
    """Return the size of a minibatch, which holds at most the whole rollout."""
    return min(config.minibatch_size, iteration_steps(config))


def learning_rate(config: OnPolicyConfig, env_steps: Count) -> Float[Array, ""]:
    """Return the learning rate after some env steps."""
    share = jnp.maximum(1.0 - env_steps / jnp.maximum(config.anneal_steps, 1), 0.0)
    return config.learning_rate * jnp.where(config.anneal_steps > 0, share, 1.0)


class Rollout(NamedTuple):
    """Transitions `(time, env)`; `next_obs` is what an action led to, before any reset."""

    obs: PyTree[Array]
    next_obs: PyTree[Array]
    action: Array
    reward: Float[Array, "time env"]
    terminated: Bool[Array, "time env"]
    done: Bool[Array, "time env"]


class Walk(NamedTuple):
    """What gathering experience goes on from: the envs, their episodes, and the moments of observations and returns.

    Attributes:
        obs: the observations that the next actions are chosen from, arrays `(env, ...)`.
    """

    env_state: Any
    obs: PyTree[Array]
    episodes: Episodes
    normalizer: Normalizer
    returns: Returns


class Learner(NamedTuple):
    """What updates change, and the means of their metrics."""

    params: Any
    opt_state: Any
    updates: Updates


def train(
    experience: Part,
    update: Part,
    state: State,
    config: OnPolicyConfig,
    env: VectorEnv,
    key: Keys,
    env_steps: Count,
    num_iterations: Count,
    metric_names: tuple[str, ...],
    programs: Programs,
) -> tuple[State, Metrics]:
    """Train for `num_iterations` iterations, from an agent that has seen `env_steps` env steps.

    Each iteration takes its keys from `key` and the env steps before it (`keys`), so that it is the same wherever training
    was cut into calls. Metrics are means over all updates of the call, and over the episodes that ended in it.

    Args:
        experience: maps `Walk`, params with a pool of start states, and the env steps to the walk at the end of a rollout,
            and samples of it.
        update: maps `Learner`, samples, the env steps and the number of samples to the learner after all updates.
        state: the agent, with `params`, `opt_state` and the fields of `Walk`.
        config: the agent's.
        env: the env.
        key: for all that is random.
        env_steps: those that the agent has seen.
        num_iterations: how many to train.
        metric_names: the algorithm's.
        programs: what runs the two parts.
    """
    unit = iteration_steps(config)

    def iteration(pool: Start | None, steps: Count, carry: tuple[State, Updates]) -> tuple[State, Updates]:
        state, updates = carry
        walk = Walk(state.env_state, state.obs, state.episodes, state.normalizer, state.returns)
        walk, samples = programs.call(experience, walk, (state.params, pool), config, env, key, steps)
        learner = Learner(state.params, state.opt_state, updates)
        learner = programs.call(update, learner, samples, config, env, key, steps, unit)
        state = state._replace(params=learner.params, opt_state=learner.opt_state, **walk._asdict())
        return state, learner.updates

    def iterations(pool: Start | None, steps: Count, num: Count, carry: tuple[State, Updates]) -> Any:
        return programs.loop(num, lambda i, carry: iteration(pool, steps + i * unit, carry), carry)

    start = (state, programs.call(metrics.start(metric_names), (), (), config, env, key))
    state, updates = reset_pools.over_stretches(
        iterations, start, config, env, key, env_steps, num_iterations, unit, programs
    )
    episodes, results = programs.call(metrics.end(metric_names), state.episodes, updates, config, env, key)
    return state._replace(episodes=episodes), results


def start(key: PRNGKeyArray, config: OnPolicyConfig, env: VectorEnv) -> Walk:
    """Return the start of an agent's episodes."""
    obs, env_state = env.reset(key, (config.num_envs,))
    episodes, returns = metrics.no_episodes(config.num_envs), rewards.no_returns(config.num_envs)
    return Walk(env_state, obs, episodes, normalizer.init(env.obs_spec), returns)


def rollout_keys(
    key: PRNGKeyArray, env_steps: Count, num_noise: int, config: OnPolicyConfig
) -> tuple[Key[Array, "time noise env"], Key[Array, "time env"], Key[Array, "time env"]]:
    """Return the keys of a rollout: `num_noise` for each action, one for each start state, and one for each env step."""
    steps, envs = config.num_steps, config.num_envs
    noise_keys, reset_keys, step_keys = random_keys.of_step(
        key, env_steps, (steps, num_noise, envs), (steps, envs), (steps, envs)
    )
    return noise_keys, reset_keys, step_keys


def collect(
    walk: Walk,
    env: VectorEnv,
    reset_keys: Key[Array, "time env"],
    step_keys: Key[Array, "time env"],
    noise: Array,
    choose: Callable[[PyTree[Array], Array], Array],
    config: OnPolicyConfig,
    pool: Start | None,
) -> tuple[Walk, Rollout]:
    """Gather a rollout, whose rewards are scaled; return where it ends as well.

    All its random numbers are drawn before it starts: they depend on the keys alone.

    Args:
        walk: where it starts.
        env: the env.
        reset_keys: for start states.
        step_keys: for the env's steps.
        noise: what actions are chosen with, a row per step.
        choose: maps observations `(env, ...)` and a row of noise to actions.
        config: the agent's.
        pool: what start states are drawn from, or None.
    """
    starts = env.starts(reset_keys, pool)

    def step(
        carry: tuple[Any, PyTree[Array], Episodes], drawn: tuple[Array, Any, Array]
    ) -> tuple[tuple[Any, PyTree[Array], Episodes], Rollout]:
        env_state, obs, episodes = carry
        noise, starts, keys = drawn
        action = choose(obs, noise)
        after = env.step(keys, env_state, action, env.fresh(pool, starts))
        done = after.terminated | after.truncated
        rollout = Rollout(obs, after.next_obs, action, after.reward, after.terminated, done)
        return (after.state, after.obs, metrics.add_step(episodes, after.reward, done)), rollout

    carry, rollout = jax.lax.scan(step, (walk.env_state, walk.obs, walk.episodes), (noise, starts, step_keys))
    returns = rewards.add_steps(walk.returns, rollout.reward, rollout.done, config.gamma)
    after = Walk(*carry, normalizer.update(walk.normalizer, flat(rollout.obs)), returns)
    return after, rollout._replace(reward=rewards.factor(returns, config) * rollout.reward)


def flat(rollout: PyTree[Array]) -> PyTree[Array]:
    """Return arrays `(time, env, ...)` as `(batch, ...)`."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), rollout)


def padded(samples: Samples) -> Samples:
    """Return samples, arrays `(batch, ...)`, at the head of arrays of a size that rollouts of many sizes have in common.

    One program then updates on all of them: arrays hold `_SAMPLES_BYTES`, or more samples if there are more.
    """
    leaves = jax.tree.leaves(samples)
    num_samples, num_bytes = leaves[0].shape[0], sum(x.size * x.dtype.itemsize for x in leaves)
    capacity = max(_power_of_two(num_samples), _power_of_two(_SAMPLES_BYTES * num_samples // num_bytes + 1) // 2)
    return jax.tree.map(lambda x: jnp.pad(x, [(0, capacity - num_samples)] + [(0, 0)] * (x.ndim - 1)), samples)


def passes(
    update: Callable[[Carry, Samples], Carry],
    carry: Carry,
    samples: Samples,
    num_samples: Count,
    key: PRNGKeyArray,
    env_steps: Count,
    config: OnPolicyConfig,
) -> Carry:
    """Update on every minibatch of the samples, in `num_epochs` passes of a new random order each.

    If the minibatch size does not divide the number of samples, each pass leaves out a random rest.

    Args:
        update: maps a carry and a minibatch, arrays `(minibatch, ...)`, to a carry.
        carry: the first one.
        samples: arrays `(capacity, ...)`, see `padded`.
        num_samples: how many of them there are.
        key: for the orders.
        env_steps: those before the iteration.
        config: the agent's, in canonical form: a minibatch holds no more than there are.
    """
    size = config.minibatch_size

    def drawn(order: shuffle.Choice, places: Array) -> Samples:
        chosen = shuffle.entries(order, places, num_samples)
        return jax.tree.map(lambda x: jnp.take(x, chosen, axis=0, mode="clip"), samples)

    def epoch(i: Array, carry: Carry) -> Carry:
        order = shuffle.draw(key, env_steps, i)

        def minibatch(j: Array, carry: Carry) -> Carry:
            places = j * size + jnp.arange(size)
            is_all = num_samples == size  # then their order does not matter
            return update(
                carry,
                jax.lax.cond(is_all, lambda: jax.tree.map(lambda x: x[:size], samples), lambda: drawn(order, places)),
            )

        return jax.lax.fori_loop(0, num_samples // size, minibatch, carry)

    return jax.lax.fori_loop(0, config.num_epochs, epoch, carry)


def _power_of_two(count: int) -> int:
    """Return the smallest power of two that is at least `count`."""
    return 1 << max(count - 1, 0).bit_length()
