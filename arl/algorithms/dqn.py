"""Deep Q-learning (Mnih et al. 2015, doi:10.1038/nature14236), with the parts of Rainbow that its users turn on and off.

With Q the network, Q' the target network and a transition over n steps from o to o' with discounted reward R and
remaining discount d = gamma^n (0 where the episode terminated), the loss is the weighted mean of

    (Q(o, a) - R - d max_b Q'(o', b))^2 / 2             or with double Q   d Q'(o', argmax_b Q(o', b))

Double Q: van Hasselt et al. 2016, arXiv:1509.06461, eq. 4. Dueling: Wang et al. 2016, arXiv:1511.06581, eq. 9.
Prioritized replay: see `arl.algorithms.replay`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from arl.algorithms import metrics, normalizer, off_policy, optimizer, replay
from arl.algorithms.metrics import Metrics
from arl.algorithms.off_policy import OffPolicyState, Progress, canonical, iteration_steps
from arl.config import config, shared, static, traced
from arl.errors import InputError
from arl.networks import mlp
from envs.vector import VectorEnv

__all__ = ["act", "canonical", "check", "init", "iteration_steps", "train"]

METRICS = ("q_loss", "td_error", "q_value", "exploration_rate", *metrics.COMMON)


@config
class DQNConfig:
    """Hyperparameters of DQN.

    `buffer_size`, `learning_starts`, `target_update_interval`: in env steps. The target network takes over a share `tau`
    of the network when an iteration has passed a multiple of the interval; without a target network, the network itself
    is the target.
    `exploration_fraction`: the share of `schedule_steps`, the env steps of a full run, over which epsilon falls.
    `noise_correlation`: from one step to the next, of the numbers that decide whether to explore and by which action. Each
    step by itself stays epsilon-greedy; 0 is the usual one, with more an action is held on to, which reaches further
    (cf. Dabney et al. 2021, arXiv:2006.01782).
    `train_freq`: steps of each env in an iteration; `gradient_steps`: updates in an iteration.
    `max_buffer_size`: transitions for which memory is taken.
    """

    learning_rate: float = traced(3e-4, low=0.0)
    gamma: float = traced(0.99, low=0.0, high=1.0)
    tau: float = traced(1.0, low=0.0, high=1.0)
    buffer_size: int = traced(100_000, low=1, mutable=False)
    learning_starts: int = traced(1_000, low=0)
    initial_epsilon: float = traced(1.0, low=0.0, high=1.0)
    final_epsilon: float = traced(0.05, low=0.0, high=1.0)
    exploration_fraction: float = traced(0.1, low=0.0, high=1.0)
    noise_correlation: float = traced(0.0, low=0.0, high=0.999)
    use_target_network: bool = traced(True)
    target_update_interval: int = traced(1_000, low=1)
    normalize_observations: bool = traced(False)
    priority_alpha: float = traced(0.6, low=0.0)
    priority_beta: float = traced(0.4, low=0.0)
    priority_epsilon: float = traced(1e-6, low=0.0)
    schedule_steps: int = traced(100_000, low=1)
    train_freq: int = shared(4, low=1)
    gradient_steps: int = shared(1, low=1)
    prioritized: bool = static(False)
    double_q: bool = static(True)
    dueling: bool = static(False)
    n_step: int = static(1, low=1)
    batch_size: int = static(64, low=1)
    num_envs: int = static(8, low=1)
    hidden_size: int = static(64, low=1)
    num_layers: int = static(2, low=1)
    activation: str = static("tanh", choices=tuple(mlp.ACTIVATIONS))
    max_buffer_size: int = static(100_000, low=1)


class Dueling(NamedTuple):
    """A network with a stream for the state's value and one for the actions' advantages, of a hidden layer each.

    Wang et al. 2016, arXiv:1511.06581; the layers before are shared.
    """

    shared: list[mlp.Layer]
    value: list[mlp.Layer]
    advantage: list[mlp.Layer]


Params = list[mlp.Layer] | Dueling


class Learner(NamedTuple):
    """The network, its target, and Adam's moments."""

    params: Params
    target: Params
    opt_state: optax.OptState


def check(config: DQNConfig, env: VectorEnv) -> None:
    """Refuse an env that it can't drive, and a config that can't learn.

    Raises:
        InputError: real-valued actions, or what `off_policy.check` refuses.
    """
    if not env.discrete:
        raise InputError("dqn must have an env with discrete actions, got real-valued ones")
    off_policy.check(config)


def init(key: PRNGKeyArray, config: DQNConfig, env: VectorEnv) -> OffPolicyState:
    """An untrained agent at the start of its episodes."""
    key_network, key_reset, key_noise = jax.random.split(key, 3)
    params = _init_params(key_network, config, env)
    noise = jax.random.normal(key_noise, (2, config.num_envs))
    return off_policy.init(key_reset, Learner(params, params, optimizer.init(params)), noise, config, env)


def _init_params(key: PRNGKeyArray, config: DQNConfig, env: VectorEnv) -> Params:
    sizes = [env.obs_size, *[config.hidden_size] * config.num_layers]
    if not config.dueling:
        return mlp.init_mlp(key, [*sizes, env.action_size], last_scale=1.0)
    key_shared, key_value, key_advantage = jax.random.split(key, 3)
    return Dueling(
        shared=mlp.init_mlp(key_shared, sizes[:-1], last_scale=2**0.5) if config.num_layers > 1 else [],
        value=mlp.init_mlp(key_value, [*sizes[-2:], 1], last_scale=1.0),
        advantage=mlp.init_mlp(key_advantage, [*sizes[-2:], env.action_size], last_scale=1.0),
    )


def train(
    state: OffPolicyState,
    config: DQNConfig,
    env: VectorEnv,
    key: PRNGKeyArray,
    env_steps: Int[Array, ""],
    num_iterations: Int[Array, ""],
) -> tuple[OffPolicyState, Metrics]:
    """Train for `num_iterations` iterations, from an agent that has seen `env_steps` env steps."""
    return off_policy.train(state, config, env, key, env_steps, num_iterations, _explore, _update, METRICS)


def act(
    state: OffPolicyState,
    config: DQNConfig,
    env: VectorEnv,
    obs: Float[Array, "env feature"],
    key: PRNGKeyArray,
    explore: bool,
) -> Int[Array, " env"]:
    """Actions for a batch of observations: the best ones; random with probability `final_epsilon` if `explore`."""
    obs = normalizer.normalize(state.normalizer, obs, config.normalize_observations)
    q_values = _q_values(state.learner.params, config, obs)
    if not explore:
        return jnp.argmax(q_values, axis=0)
    return _epsilon_greedy(q_values, jax.random.uniform(key, (2, obs.shape[0])), config.final_epsilon)


def epsilon(config: DQNConfig, env_steps: Int[Array, ""]) -> Float[Array, ""]:
    """The exploration rate: 1 until learning starts; falls linearly from `initial_epsilon` to `final_epsilon`."""
    falling_steps = jnp.maximum(config.exploration_fraction * config.schedule_steps, 1.0)
    fallen = jnp.minimum(env_steps / falling_steps, 1.0)
    scheduled = config.initial_epsilon + fallen * (config.final_epsilon - config.initial_epsilon)
    return jnp.where(env_steps < config.learning_starts, 1.0, scheduled)


def _explore(
    learner: Learner,
    noise: Float[Array, "two env"],
    config: DQNConfig,
    env: VectorEnv,
    obs: Float[Array, "env feature"],
    key: PRNGKeyArray,
    env_steps: Int[Array, ""],
) -> tuple[Int[Array, " env"], Float[Array, "two env"]]:
    noise = off_policy.correlated(noise, key, config.noise_correlation)
    uniform = jax.scipy.stats.norm.cdf(noise)
    return _epsilon_greedy(_q_values(learner.params, config, obs), uniform, epsilon(config, env_steps)), noise


def _epsilon_greedy(
    q_values: Float[Array, "action env"], uniform: Float[Array, "two env"], epsilon: Array | float
) -> Int[Array, " env"]:
    """The best action, or a random one with probability epsilon; the uniform numbers decide whether, and which."""
    num_actions = q_values.shape[0]
    random = jnp.minimum((uniform[1] * num_actions).astype(jnp.int32), num_actions - 1)
    return jnp.where(uniform[0] < epsilon, random, jnp.argmax(q_values, axis=0))


def _update(
    learner: Learner,
    config: DQNConfig,
    env: VectorEnv,
    batch: replay.Transitions,
    weights: Float[Array, " batch"],
    key: PRNGKeyArray,
    progress: Progress,
) -> tuple[Learner, Float[Array, " batch"], Metrics]:
    target = batch.reward + batch.discount * _next_value(learner, config, batch.next_obs)
    action = batch.action[:, 0].astype(jnp.int32)

    def loss(params: Any) -> tuple[Float[Array, ""], tuple[Array, Array]]:
        value = _chosen(_q_values(params, config, batch.obs), action)
        return jnp.mean(weights * 0.5 * jnp.square(value - target)), (value - target, value)

    (q_loss, (td_error, value)), grads = jax.value_and_grad(loss, has_aux=True)(learner.params)
    params, opt_state = optimizer.descend(learner.params, learner.opt_state, grads, config.learning_rate)
    share = jnp.where(config.use_target_network, config.tau * _target_is_due(config, progress), 1.0)
    of_update = {
        "q_loss": q_loss,
        "td_error": jnp.mean(jnp.abs(td_error)),
        "q_value": jnp.mean(value),
        "exploration_rate": epsilon(config, progress.env_steps[1]),
        "grad_norm": optimizer.norm(grads),
    }
    return Learner(params, optimizer.blend(learner.target, params, share), opt_state), td_error, of_update


def _target_is_due(config: DQNConfig, progress: Progress) -> Array:
    """Whether this update ends an iteration that passed a multiple of the interval."""
    before, after = (steps // config.target_update_interval for steps in progress.env_steps)
    return progress.last & (after > before)


def _next_value(learner: Learner, config: DQNConfig, next_obs: Float[Array, "batch feature"]) -> Float[Array, " batch"]:
    """The value of the next observations by the target network."""
    by_target = _q_values(learner.target, config, next_obs)
    if not config.double_q:
        return jnp.max(by_target, axis=0)
    return _chosen(by_target, jnp.argmax(_q_values(learner.params, config, next_obs), axis=0))


def _chosen(q_values: Float[Array, "action batch"], action: Int[Array, " batch"]) -> Float[Array, " batch"]:
    is_chosen = jnp.arange(q_values.shape[0])[:, None] == action
    return jnp.sum(jnp.where(is_chosen, q_values, 0.0), axis=0)


def _q_values(params: Params, config: DQNConfig, obs: Float[Array, "batch feature"]) -> Float[Array, "action batch"]:
    """Values of all actions."""
    if not isinstance(params, Dueling):
        return mlp.apply_mlp(params, obs.T, config.activation)
    hidden = obs.T
    for layer in params.shared:
        hidden = mlp.ACTIVATIONS[config.activation](mlp.affine(layer, hidden))
    value, advantage = (mlp.apply_mlp(stream, hidden, config.activation) for stream in params[1:])
    return value + advantage - jnp.mean(advantage, axis=0)
