"""What algorithms share that learn from rollouts of the current policy: gathering one, and passes over it in minibatches."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from arl.algorithms import metrics
from arl.algorithms.metrics import Metrics
from arl.hyperparameters.on_policy import OnPolicyConfig
from envs.vector import VectorEnv

Carry = TypeVar("Carry")
Samples = TypeVar("Samples")
State = TypeVar("State")


def iteration_steps(config: OnPolicyConfig) -> int:
    """Return the env steps of one iteration, the unit in which training can stop."""
    return config.num_envs * config.num_steps


def minibatch_size(config: OnPolicyConfig) -> int:
    """Return the size of a minibatch, which holds at most the whole rollout."""
    return min(config.minibatch_size, iteration_steps(config))


def learning_rate(config: OnPolicyConfig, env_steps: Int[Array, ""]) -> Float[Array, ""]:
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


def iterate(
    iteration: Callable[[State, metrics.Totals, PRNGKeyArray, Array], tuple[State, metrics.Totals]],
    state: State,
    key: PRNGKeyArray,
    env_steps: Int[Array, ""],
    num_iterations: Int[Array, ""],
    config: OnPolicyConfig,
    metric_names: tuple[str, ...],
) -> tuple[State, Metrics]:
    """Train for `num_iterations` iterations, from an agent that has seen `env_steps` env steps.

    Each iteration takes its key from `key` and the env steps before it, so that it is the same wherever training was
    cut into calls. Metrics are means over all updates of the call (NaN for no iterations).
    """

    def step(i: Array, carry: tuple[State, metrics.Totals]) -> tuple[State, metrics.Totals]:
        steps_before = env_steps + i * iteration_steps(config)
        return iteration(*carry, jax.random.fold_in(key, steps_before), steps_before)

    state, totals = jax.lax.fori_loop(0, num_iterations, step, (state, metrics.init(metric_names)))
    return state, metrics.means(totals)


def collect(
    env: VectorEnv,
    env_state: Any,
    obs: PyTree[Array],
    key_reset: PRNGKeyArray,
    key_step: PRNGKeyArray,
    noise: Array,
    choose: Callable[[PyTree[Array], Array], Array],
    config: OnPolicyConfig,
) -> tuple[Any, PyTree[Array], Rollout]:
    """Gather a rollout; return where it ends and what is observed there as well.

    All its random numbers are drawn before it starts: they depend on the keys alone.

    Args:
        env: the env.
        env_state: where it starts.
        obs: what is observed there.
        key_reset: for start states.
        key_step: for the env's steps.
        noise: what actions are chosen with, a row per step.
        choose: maps observations `(env, ...)` and a row of noise to actions.
        config: the agent's.
    """
    shape = (config.num_steps, config.num_envs)
    starts, step_keys = env.starts(key_reset, shape), jax.random.split(key_step, shape)

    def step(carry: tuple[Any, Any], drawn: tuple[Array, Any, Array]) -> tuple[tuple[Any, Any], Rollout]:
        env_state, obs = carry
        noise, picks, keys = drawn
        action = choose(obs, noise)
        after = env.step(keys, env_state, action, env.fresh(starts.pool, picks))
        done = after.terminated | after.truncated
        return (after.state, after.obs), Rollout(obs, after.next_obs, action, after.reward, after.terminated, done)

    (env_state, obs), rollout = jax.lax.scan(step, (env_state, obs), (noise, starts.picks, step_keys))
    return env_state, obs, rollout


def flat(rollout: PyTree[Array]) -> PyTree[Array]:
    """Return arrays `(time, env, ...)` as `(batch, ...)`."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), rollout)


def passes(
    update: Callable[[Carry, Samples], Carry],
    carry: Carry,
    samples: Samples,
    key: PRNGKeyArray,
    config: OnPolicyConfig,
) -> Carry:
    """Update on every minibatch of the samples, arrays `(batch, ...)`, in `num_epochs` passes of a new random order each.

    If the minibatch size does not divide the samples, each pass leaves out a random rest.
    """
    num_samples, size = jax.tree.leaves(samples)[0].shape[0], minibatch_size(config)
    num_minibatches = num_samples // size

    def epoch(i: Array, carry: Carry) -> Carry:
        if size == num_samples:  # the order within a minibatch does not matter
            return update(carry, samples)
        order = jax.random.permutation(jax.random.fold_in(key, i), num_samples)
        indices = order[: num_minibatches * size].reshape(num_minibatches, size)

        def minibatch(carry: Carry, chosen: Array) -> tuple[Carry, None]:
            return update(carry, jax.tree.map(lambda x: jnp.take(x, chosen, axis=0), samples)), None

        return jax.lax.scan(minibatch, carry, indices)[0]

    return jax.lax.fori_loop(0, config.num_epochs, epoch, carry)
