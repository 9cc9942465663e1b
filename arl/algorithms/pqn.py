"""Parallelised Q-network (Gallici et al. 2024, arXiv:2407.04811): Q-learning without replay and target network.

An iteration gathers a rollout of `num_steps` steps in each of `num_envs` envs with epsilon-greedy actions, then makes
`num_epochs` passes over it in minibatches. With the network's values Q before the update and lambda returns G (see
`lambda_returns`), the loss is the mean of

    (Q(o, a) - G)^2 / 2                                                                   section 4, algorithm 1

What keeps it stable is LayerNorm in the network (section 3.2).
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from arl import networks
from arl.algorithms import (
    action_masks,
    agent_config,
    metrics,
    normalizer,
    on_policy,
    optimizer,
    q_learning,
    random_keys,
)
from arl.algorithms.metrics import Metrics
from arl.algorithms.normalizer import Normalizer
from arl.algorithms.on_policy import Learner, Rollout, Walk, iteration_steps
from arl.algorithms.parts import ONE_PROGRAM, Count, Keys, Part, Programs
from arl.config import pytree
from arl.errors import InputError
from arl.hyperparameters.pqn import PQNConfig
from arl.networks import Network
from envs.vector import Start, VectorEnv

__all__ = ["METRICS", "Config", "act", "actor", "canonical", "check", "init", "iteration_steps", "train"]

METRICS = ("q_loss", "td_error", "q_value", "exploration_rate", *metrics.COMMON)


Config = pytree(PQNConfig)


class PQNState(NamedTuple):
    """All that training goes on from, but the key; `obs` are those that the next actions are chosen from."""

    params: Any
    opt_state: optax.OptState
    env_state: Any
    obs: PyTree[Array]
    episodes: Any
    normalizer: Normalizer
    returns: Any


class Samples(NamedTuple):
    """What the loss needs of each transition, with time and env merged into one batch axis."""

    obs: PyTree[Array]
    action: Int[Array, " batch"]
    target: Float[Array, " batch"]


def check(config: PQNConfig, env: VectorEnv) -> None:
    """Refuse an env that it can't drive, and a network that does not fit.

    Raises:
        InputError: real-valued actions, or a network that does not fit.
    """
    if not env.discrete:
        raise InputError("pqn must have an env with discrete actions, got real-valued ones")
    agent_config.check_network(config, env, env.action_size)


def canonical(config: PQNConfig) -> PQNConfig:
    """Return the config that trains the same with the smallest values: a minibatch holds at most the whole rollout."""
    return dataclasses.replace(config, minibatch_size=on_policy.minibatch_size(config))


def init(key: Keys, config: PQNConfig, env: VectorEnv, programs: Programs = ONE_PROGRAM) -> PQNState:
    """Return an untrained agent at the start of its episodes."""
    params, opt_state = programs.call(_LEARNER, (), (), config, env, key)
    return PQNState(params, opt_state, *programs.call(_START, (), (), config, env, key))


def _learner(
    changed: Any, read: Any, config: PQNConfig, env: VectorEnv, key: PRNGKeyArray
) -> tuple[Any, optax.OptState]:
    key_network, _ = jax.random.split(agent_config.network_key(key, config))
    params = _network(config, env).init(key_network, networks.blank(env.obs_spec))
    return params, optimizer.init(params)


def _start(changed: Any, read: Any, config: PQNConfig, env: VectorEnv, key: PRNGKeyArray) -> Walk:
    _, key_reset = jax.random.split(key)
    return on_policy.start(key_reset, config, env)


_LEARNER, _START = Part(_learner, once=True, row_by_row=True), Part(_start, once=True)


def _network(config: PQNConfig, env: VectorEnv) -> Network:
    """Return the network that maps observations to the values of all actions."""
    return agent_config.network(config, env, env.action_size)


def train(
    state: PQNState,
    config: PQNConfig,
    env: VectorEnv,
    key: Keys,
    env_steps: Count,
    num_iterations: Count,
    programs: Programs = ONE_PROGRAM,
) -> tuple[PQNState, Metrics]:
    """Train for `num_iterations` iterations an agent that has seen `env_steps` env steps, see `on_policy.train`."""
    return on_policy.train(_EXPERIENCE, _UPDATE, state, config, env, key, env_steps, num_iterations, METRICS, programs)


def actor(state: PQNState) -> PQNState:
    """Return what `act` needs of an agent and what learns, with None in place of the rest."""
    return state._replace(env_state=None, obs=None, episodes=None, returns=None)


def act(
    state: PQNState,
    config: PQNConfig,
    env: VectorEnv,
    obs: PyTree[Array],
    key: PRNGKeyArray,
    explore: bool,
) -> Int[Array, " env"]:
    """Return actions for observations `(env, ...)`: the best; random with probability `final_epsilon` if `explore`."""
    q_values = _q_values(state.params, state.normalizer, config, env, obs)
    if not explore:
        return jnp.argmax(q_values, axis=0)
    uniform = jax.random.uniform(key, (2, q_values.shape[1]))
    return q_learning.epsilon_greedy(q_values, uniform, config.final_epsilon, env.action_mask(obs))


def _epsilon(config: PQNConfig, env_steps: Count) -> Float[Array, ""]:
    """Return the exploration rate after some env steps."""
    return q_learning.linear_epsilon(
        env_steps, config.initial_epsilon, config.final_epsilon, config.exploration_fraction * config.schedule_steps
    )


def _experience(
    walk: Walk,
    read: tuple[Any, Start | None],
    config: PQNConfig,
    env: VectorEnv,
    key: PRNGKeyArray,
    env_steps: Count,
) -> tuple[Walk, Samples]:
    """Gather a rollout; return where it ends, and what the loss needs of it."""
    params, pool = read
    after, rollout = _collect(walk, params, pool, config, env, key, env_steps)
    return after, on_policy.padded(_samples(walk.normalizer, params, config, env, rollout))


def _update(
    learner: Learner,
    samples: Samples,
    config: PQNConfig,
    env: VectorEnv,
    key: PRNGKeyArray,
    env_steps: Count,
    num_samples: Count,
) -> Learner:
    """Make `num_epochs` passes over the samples, each in a new random order."""
    learning_rate, epsilon = on_policy.learning_rate(config, env_steps), _epsilon(config, env_steps)

    def update(learner: Learner, minibatch: Samples) -> Learner:
        grads, of_update = jax.grad(_loss, has_aux=True)(learner.params, config, env, minibatch)
        grads = optimizer.flat(grads)
        norm = optimizer.norm(grads)
        clipped = optimizer.clip(grads, norm, config.max_grad_norm)
        params, opt_state = optimizer.descend_rectified(
            learner.params, learner.opt_state, clipped, learning_rate, config
        )
        of_update = {**of_update, "exploration_rate": epsilon, "grad_norm": norm}
        return Learner(params, opt_state, metrics.add_update(learner.updates, of_update))

    return on_policy.passes(update, learner, samples, num_samples, key, env_steps, config)


_EXPERIENCE, _UPDATE = Part(_experience), Part(_update, is_hot=True)


def _collect(
    walk: Walk,
    params: Any,
    pool: Start | None,
    config: PQNConfig,
    env: VectorEnv,
    key: PRNGKeyArray,
    env_steps: Count,
) -> tuple[Walk, Rollout]:
    epsilon = _epsilon(config, env_steps)
    noise_keys, reset_keys, step_keys = on_policy.rollout_keys(key, env_steps, 2, config)
    uniform = random_keys.uniform(noise_keys)

    def choose(obs: PyTree[Array], uniform: Array) -> Array:
        q_values = _q_values(params, walk.normalizer, config, env, obs)
        return q_learning.epsilon_greedy(q_values, uniform, epsilon, env.action_mask(obs))

    return on_policy.collect(walk, env, reset_keys, step_keys, uniform, choose, config, pool)


def _samples(moments: Normalizer, params: Any, config: PQNConfig, env: VectorEnv, rollout: Rollout) -> Samples:
    """Return the normalised observations of a rollout, its actions, and their targets by the current network."""
    flat = on_policy.flat(rollout)
    next_value = jnp.max(_q_values(params, moments, config, env, flat.next_obs), axis=0).reshape(rollout.reward.shape)
    target = lambda_returns(
        rollout.reward,
        next_value,
        rollout.terminated,
        rollout.done,
        config.gamma,
        config.td_lambda,
    )
    obs = normalizer.normalize(moments, flat.obs, config.normalize_observations)
    return Samples(obs, flat.action, target.reshape(-1))


def lambda_returns(
    reward: Float[Array, "time *env"],
    next_value: Float[Array, "time *env"],
    terminated: Bool[Array, "time *env"],
    done: Bool[Array, "time *env"],
    gamma: Float[Array, ""] | float,
    td_lambda: Float[Array, ""] | float,
) -> Float[Array, "time *env"]:
    """Return G_t = r_t + gamma ((1 - lambda) V(o_{t+1}) + lambda G_{t+1}) (Gallici et al. 2024, section 4).

    `next_value` is that of the observation a step led to, before any reset: it is left out where the episode terminated,
    and stands alone where it was truncated and at the end of the rollout.
    """
    goes_on = ~done & (jnp.arange(reward.shape[0]) < reward.shape[0] - 1).reshape(-1, *[1] * (reward.ndim - 1))

    def backward(later: Array, step: tuple[Array, ...]) -> tuple[Array, Array]:
        reward, next_value, terminated, goes_on = step
        following = jnp.where(goes_on, (1.0 - td_lambda) * next_value + td_lambda * later, next_value)
        target = reward + gamma * jnp.where(terminated, 0.0, following)
        return target, target

    steps = (reward, next_value, terminated, goes_on)
    return jax.lax.scan(backward, jnp.zeros_like(reward[0]), steps, reverse=True)[1]


def _loss(params: Any, config: PQNConfig, env: VectorEnv, samples: Samples) -> tuple[Float[Array, ""], Metrics]:
    value = q_learning.chosen(_network(config, env).apply(params, samples.obs).T, samples.action)
    error = value - samples.target
    q_loss = jnp.mean(0.5 * jnp.square(error))
    return q_loss, {"q_loss": q_loss, "td_error": jnp.mean(jnp.abs(error)), "q_value": jnp.mean(value)}


def _q_values(
    params: Any, moments: Normalizer, config: PQNConfig, env: VectorEnv, obs: PyTree[Array]
) -> Float[Array, "action batch"]:
    """Return the values of all actions for observations `(batch, ...)` as the env gives them, masked."""
    obs = normalizer.normalize(moments, obs, config.normalize_observations)
    return action_masks.masked(_network(config, env).apply(params, obs).T, env, obs)
