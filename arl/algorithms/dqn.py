"""Deep Q-learning (Mnih et al. 2015, doi:10.1038/nature14236), with the parts of Rainbow that its users turn on and off.

With Q the network, Q' the target network and a transition over n steps from o to o' with discounted reward R and
remaining discount d = gamma^n (0 where the episode terminated), the loss is the weighted mean of

    H(Q(o, a) - R - d max_b Q'(o', b))                  or with double Q   d Q'(o', argmax_b Q(o', b))

where H(x) = x^2 / 2, but linear beyond `huber_delta`.

Double Q: van Hasselt et al. 2016, arXiv:1509.06461, eq. 4. Dueling: Wang et al. 2016, arXiv:1511.06581, eq. 9.
Prioritized replay: see `arl.algorithms.replay`.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, PyTree

from arl import networks
from arl.algorithms import action_masks, agent_config, metrics, normalizer, off_policy, optimizer, q_learning, replay
from arl.algorithms.metrics import Metrics
from arl.algorithms.off_policy import OffPolicyState, Progress, actor, iteration_steps
from arl.algorithms.parts import ONE_PROGRAM, Count, Keys, Part, Programs
from arl.config import pytree
from arl.errors import InputError
from arl.hyperparameters.dqn import DQNConfig
from arl.networks import Network
from envs.vector import VectorEnv

__all__ = ["METRICS", "Config", "act", "actor", "canonical", "check", "init", "iteration_steps", "train"]

METRICS = ("q_loss", "td_error", "q_value", "exploration_rate", *metrics.COMMON)


Config = pytree(DQNConfig)


class Learner(NamedTuple):
    """The network, its target, and Adam's moments."""

    params: Any
    target: Any
    opt_state: optax.OptState


def canonical(config: DQNConfig) -> DQNConfig:
    """Return the config that trains the same with the smallest values.

    The interval makes no difference without a target network, nor where every iteration passes a multiple of it and the
    target then becomes the network itself.
    """
    always_whole = config.tau == 1.0 and config.target_update_interval <= iteration_steps(config)
    interval = 1 if always_whole or not config.use_target_network else config.target_update_interval
    return dataclasses.replace(config, target_update_interval=interval)


def check(config: DQNConfig, env: VectorEnv) -> None:
    """Refuse an env that it can't drive, and a config that can't learn.

    Raises:
        InputError: real-valued actions, a network that does not fit, or what `off_policy.check` refuses.
    """
    if not env.discrete:
        raise InputError("dqn must have an env with discrete actions, got real-valued ones")
    agent_config.check_network(config, env, env.action_size, dueling=config.dueling)
    off_policy.check(config)


def init(key: Keys, config: DQNConfig, env: VectorEnv, programs: Programs = ONE_PROGRAM) -> OffPolicyState:
    """Return an untrained agent at the start of its episodes."""
    learner = programs.call(_LEARNER, (), (), config, env, key)
    return OffPolicyState(learner, *programs.call(_START, (), (), config, env, key))


def _learner(changed: Any, read: Any, config: DQNConfig, env: VectorEnv, key: PRNGKeyArray) -> Learner:
    key_network, _, _ = jax.random.split(agent_config.network_key(key, config), 3)
    params = _network(config, env).init(key_network, networks.blank(env.obs_spec))
    return Learner(params, params, optimizer.init(params))


def _start(changed: Any, read: Any, config: DQNConfig, env: VectorEnv, key: PRNGKeyArray) -> tuple[Any, ...]:
    _, key_reset, key_noise = jax.random.split(key, 3)
    noise = jax.random.normal(key_noise, (2, config.num_envs))
    return off_policy.start(key_reset, noise, config, env)


_LEARNER, _START = Part(_learner, once=True, row_by_row=True), Part(_start, once=True)


def _network(config: DQNConfig, env: VectorEnv) -> Network:
    """Return the network that maps observations to the values of all actions."""
    return agent_config.network(config, env, env.action_size, dueling=config.dueling)


def train(
    state: OffPolicyState,
    config: DQNConfig,
    env: VectorEnv,
    key: Keys,
    env_steps: Count,
    num_iterations: Count,
    programs: Programs = ONE_PROGRAM,
) -> tuple[OffPolicyState, Metrics]:
    """Train for `num_iterations` iterations an agent that has seen `env_steps` env steps, see `off_policy.train`."""
    return off_policy.train(_ITERATIONS, state, config, env, key, env_steps, num_iterations, METRICS, programs)


def act(
    state: OffPolicyState,
    config: DQNConfig,
    env: VectorEnv,
    obs: PyTree[Array],
    key: PRNGKeyArray,
    explore: bool,
) -> Int[Array, " env"]:
    """Return actions for observations `(env, ...)`: the best; random with probability `final_epsilon` if `explore`."""
    obs = normalizer.normalize(state.normalizer, obs, config.normalize_observations)
    q_values = _q_values(state.learner.params, config, env, obs)
    if not explore:
        return jnp.argmax(q_values, axis=0)
    uniform = jax.random.uniform(key, (2, q_values.shape[1]))
    return q_learning.epsilon_greedy(q_values, uniform, config.final_epsilon, env.action_mask(obs))


def epsilon(config: DQNConfig, env_steps: Int[Array, ""]) -> Float[Array, ""]:
    """Return the exploration rate: 1 until learning starts; falls linearly from `initial_epsilon` to `final_epsilon`."""
    scheduled = q_learning.linear_epsilon(
        env_steps, config.initial_epsilon, config.final_epsilon, config.exploration_fraction * config.schedule_steps
    )
    return jnp.where(env_steps < config.learning_starts, 1.0, scheduled)


def _explore(
    learner: Learner,
    noise: Float[Array, "two env"],
    config: DQNConfig,
    env: VectorEnv,
    obs: PyTree[Array],
    keys: Key[Array, "two env"],
    env_steps: Int[Array, ""],
) -> tuple[Int[Array, " env"], Float[Array, "two env"]]:
    noise = off_policy.correlated(noise, keys, config.noise_correlation)
    uniform, q_values = off_policy.uniform_of(noise), _q_values(learner.params, config, env, obs)
    return q_learning.epsilon_greedy(q_values, uniform, epsilon(config, env_steps), env.action_mask(obs)), noise


def _update(
    learner: Learner,
    config: DQNConfig,
    env: VectorEnv,
    batch: replay.Transitions,
    weights: Float[Array, " batch"],
    keys: Key[Array, "zero batch"],
    progress: Progress,
) -> tuple[Learner, Float[Array, " batch"], Metrics]:
    target = batch.reward + batch.discount * _next_value(learner, config, env, batch.next_obs)
    action = batch.action[:, 0].astype(jnp.int32)

    def loss(params: Any) -> tuple[Float[Array, ""], tuple[Array, Array]]:
        value = q_learning.chosen(_q_values(params, config, env, batch.obs), action)
        return jnp.mean(weights * huber(value - target, config.huber_delta)), (value - target, value)

    (q_loss, (td_error, value)), grads = jax.value_and_grad(loss, has_aux=True)(learner.params)
    grads = optimizer.flat(grads)
    norm = optimizer.norm(grads)
    clipped = optimizer.clip(grads, norm, config.max_grad_norm)
    params, opt_state = optimizer.descend(learner.params, learner.opt_state, clipped, config.learning_rate, config)
    share = jnp.where(config.use_target_network, _target_share(config, progress), 1.0)
    of_update = {
        "q_loss": q_loss,
        "td_error": jnp.mean(jnp.abs(td_error)),
        "q_value": jnp.mean(value),
        "exploration_rate": epsilon(config, progress.env_steps[1]),
        "grad_norm": norm,
    }
    return Learner(params, optimizer.blend(learner.target, params, share), opt_state), td_error, of_update


def huber(error: Float[Array, "*batch"], delta: Array | float) -> Float[Array, "*batch"]:
    """Return half the square of an error, which goes on linearly beyond +-delta (Huber 1964, doi:10.1214/aoms/1177703732).

    Written so that the slope is exact for any delta: as delta (|x| - delta) + delta^2 / 2 it would drown in a large one.
    """
    near = jnp.clip(error, -delta, delta)
    return near * (error - 0.5 * near)


def _target_share(config: DQNConfig, progress: Progress) -> Float[Array, ""]:
    """Return the share of the network that its target takes over in this update.

    It takes over `tau` for each multiple of the interval that the iteration passed, all of them after the last update.
    """
    interval = jnp.asarray(config.target_update_interval, jnp.int32)
    before, after = (jax.lax.div(steps, interval) for steps in progress.env_steps)
    return jnp.where(progress.last, 1.0 - (1.0 - config.tau) ** (after - before), 0.0)


def _next_value(learner: Learner, config: DQNConfig, env: VectorEnv, next_obs: PyTree[Array]) -> Float[Array, " batch"]:
    """Return the value of the next observations by the target network."""
    by_target = _q_values(learner.target, config, env, next_obs)
    best = jax.lax.cond(
        config.double_q,
        lambda: jnp.argmax(_q_values(learner.params, config, env, next_obs), axis=0),
        lambda: jnp.argmax(by_target, axis=0),
    )
    return q_learning.chosen(by_target, best)


def _q_values(params: Any, config: DQNConfig, env: VectorEnv, obs: PyTree[Array]) -> Float[Array, "action batch"]:
    """Return the values of all actions for observations `(batch, ...)`, masked."""
    return action_masks.masked(_network(config, env).apply(params, obs).T, env, obs)


_ITERATIONS = off_policy.part(_explore, _update)
