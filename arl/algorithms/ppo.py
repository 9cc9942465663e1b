"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347).

An iteration gathers a rollout of `num_steps` steps in each of `num_envs` envs with the current policy, then makes
`num_epochs` passes over it in minibatches. With ratio r = pi(a|o) / pi_old(a|o) and advantage A (see `gae`), the loss is

    L = -min(r A, clip(r, 1 - clip_eps, 1 + clip_eps) A)                                  policy, eq. 7
        + vf_coef / 2 max((V - G)^2, (V_old + clip(V - V_old, +-vf_clip_eps) - G)^2)      value
        - ent_coef H[pi]                                                                  entropy, eq. 9
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from arl import networks
from arl.algorithms import action_masks, agent_config, distributions, metrics, normalizer, on_policy, optimizer
from arl.algorithms.metrics import Metrics
from arl.algorithms.normalizer import Normalizer
from arl.algorithms.on_policy import Learner, Rollout, Walk, iteration_steps
from arl.algorithms.parts import ONE_PROGRAM, Count, Keys, Part, Programs
from arl.config import pytree
from arl.errors import InputError
from arl.hyperparameters.ppo import PPOConfig
from arl.networks import Network
from envs.vector import Start, VectorEnv

__all__ = ["METRICS", "Config", "act", "actor", "canonical", "check", "init", "iteration_steps", "loss", "train"]

METRICS = (
    "policy_loss",
    "value_loss",
    "entropy",
    "kl",
    "clip_fraction",
    "value",
    "explained_variance",
    *metrics.COMMON,
)


Config = pytree(PPOConfig)


class Params(NamedTuple):
    """Weights of the actor and of the critic, which share nothing."""

    actor: Any
    critic: Any
    log_std: Float[Array, " action"]


class PPOState(NamedTuple):
    """All that training goes on from, but the key; `obs` are those that the next actions are chosen from."""

    params: Params
    opt_state: optax.OptState
    env_state: Any
    obs: PyTree[Array]
    episodes: Any
    normalizer: Normalizer
    returns: Any


class Samples(NamedTuple):
    """What the loss needs of each transition, with time and env merged into one batch axis."""

    obs: PyTree[Array]
    action: Array
    log_prob: Float[Array, " batch"]
    value: Float[Array, " batch"]
    advantage: Float[Array, " batch"]
    target: Float[Array, " batch"]


class Batch(NamedTuple):
    """Samples of a rollout, see `on_policy.padded`, and the share of their targets' variance that the values explain."""

    samples: Samples
    explained_variance: Float[Array, ""]


def check(config: PPOConfig, env: VectorEnv) -> None:
    """Refuse a config that can't be run on an env.

    Raises:
        InputError: a network that does not fit, or bounds of the standard deviation that leave no value.
    """
    if config.log_std_min > config.log_std_max:
        raise InputError(f"log_std_min must be at most log_std_max {config.log_std_max:g}, got {config.log_std_min:g}")
    agent_config.check_network(config, env, _actor_outputs(config, env))


def canonical(config: PPOConfig) -> PPOConfig:
    """Return the config that trains the same with the smallest values.

    A minibatch holds at most the whole rollout; a critic of the actor's width has none of its own.
    """
    width = 0 if config.critic_hidden_size == config.hidden_size else config.critic_hidden_size
    size = on_policy.minibatch_size(config)
    return dataclasses.replace(config, minibatch_size=size, critic_hidden_size=width)


def init(key: Keys, config: PPOConfig, env: VectorEnv, programs: Programs = ONE_PROGRAM) -> PPOState:
    """Return an untrained agent at the start of its episodes."""
    params, opt_state = programs.call(_LEARNER, (), (), config, env, key)
    return PPOState(params, opt_state, *programs.call(_START, (), (), config, env, key))


def _learner(
    changed: Any, read: Any, config: PPOConfig, env: VectorEnv, key: PRNGKeyArray
) -> tuple[Params, optax.OptState]:
    key_actor, key_critic, _ = jax.random.split(agent_config.network_key(key, config), 3)
    blank = networks.blank(env.obs_spec)
    params = Params(
        actor=_actor(config, env).init(key_actor, blank),
        critic=_critic(config, env).init(key_critic, blank),
        log_std=_within_bounds(jnp.zeros(_num_free_stds(config, env)), config),
    )
    return params, optimizer.init(params)


def _start(changed: Any, read: Any, config: PPOConfig, env: VectorEnv, key: PRNGKeyArray) -> Walk:
    _, _, key_reset = jax.random.split(key, 3)
    return on_policy.start(key_reset, config, env)


_LEARNER, _START = Part(_learner, once=True, row_by_row=True), Part(_start, once=True)


def _within_bounds(log_std: Float[Array, "*batch"], config: PPOConfig) -> Float[Array, "*batch"]:
    return jnp.clip(log_std, config.log_std_min, config.log_std_max)


def _actor(config: PPOConfig, env: VectorEnv) -> Network:
    """Return the network that maps observations to logits, or to means of actions and log standard deviations, if any."""
    return agent_config.network(config, env, _actor_outputs(config, env), last_scale=0.01)


def _actor_outputs(config: PPOConfig, env: VectorEnv) -> int:
    return env.action_size * (2 if _stds_are_outputs(config, env) else 1)


def _num_free_stds(config: PPOConfig, env: VectorEnv) -> int:
    """Return how many standard deviations are parameters of their own."""
    return 0 if _stds_are_outputs(config, env) else distributions.for_env(env).num_log_std


def _stds_are_outputs(config: PPOConfig, env: VectorEnv) -> bool:
    return config.state_dependent_std and not env.discrete


def _critic(config: PPOConfig, env: VectorEnv) -> Network:
    """Return the network that maps observations to their value."""
    return agent_config.network(config, env, 1, config.critic_hidden_size)


def train(
    state: PPOState,
    config: PPOConfig,
    env: VectorEnv,
    key: Keys,
    env_steps: Count,
    num_iterations: Count,
    programs: Programs = ONE_PROGRAM,
) -> tuple[PPOState, Metrics]:
    """Train for `num_iterations` iterations an agent that has seen `env_steps` env steps, see `on_policy.train`."""
    return on_policy.train(_EXPERIENCE, _UPDATE, state, config, env, key, env_steps, num_iterations, METRICS, programs)


def actor(state: PPOState) -> PPOState:
    """Return what `act` needs of an agent and what learns, with None in place of the rest."""
    return state._replace(env_state=None, obs=None, episodes=None, returns=None)


def act(
    state: PPOState,
    config: PPOConfig,
    env: VectorEnv,
    obs: PyTree[Array],
    key: PRNGKeyArray,
    explore: bool,
) -> Array:
    """Return actions for observations `(env, ...)`: sampled if `explore`, else the most likely ones."""
    distribution = distributions.for_env(env)
    obs = normalizer.normalize(state.normalizer, obs, config.normalize_observations)
    output, log_std = _policy(state.params, config, env, obs)
    if not explore:
        return distribution.mode(output)
    return distribution.sample(
        output, log_std, distribution.noise(jax.random.split(key, (distribution.num_noise, output.shape[1])))
    )


def _experience(
    walk: Walk,
    read: tuple[Params, Start | None],
    config: PPOConfig,
    env: VectorEnv,
    key: PRNGKeyArray,
    env_steps: Count,
) -> tuple[Walk, Batch]:
    """Gather a rollout; return where it ends, and what the loss needs of it."""
    params, pool = read
    after, rollout = _collect(walk, params, pool, config, env, key, env_steps)
    samples = _samples(walk.normalizer, params, config, env, rollout)
    return after, Batch(on_policy.padded(samples), _explained_variance(samples))


def _collect(
    walk: Walk,
    params: Params,
    pool: Start | None,
    config: PPOConfig,
    env: VectorEnv,
    key: PRNGKeyArray,
    env_steps: Count,
) -> tuple[Walk, Rollout]:
    distribution = distributions.for_env(env)
    noise_keys, reset_keys, step_keys = on_policy.rollout_keys(key, env_steps, distribution.num_noise, config)

    def choose(obs: PyTree[Array], noise: Array) -> Array:
        normalized = normalizer.normalize(walk.normalizer, obs, config.normalize_observations)
        return distribution.sample(*_policy(params, config, env, normalized), noise)

    return on_policy.collect(walk, env, reset_keys, step_keys, distribution.noise(noise_keys), choose, config, pool)


def _samples(moments: Normalizer, params: Params, config: PPOConfig, env: VectorEnv, rollout: Rollout) -> Samples:
    """Return the advantages, value targets and old log probabilities of a rollout."""
    distribution = distributions.for_env(env)
    flat = on_policy.flat(rollout)
    obs, next_obs = (normalizer.normalize(moments, x, config.normalize_observations) for x in (flat.obs, flat.next_obs))
    value, next_value = _value(params, config, env, obs), _value(params, config, env, next_obs)
    advantage = gae(
        rollout.reward,
        value.reshape(rollout.reward.shape),
        next_value.reshape(rollout.reward.shape),
        rollout.terminated,
        rollout.done,
        config.gamma,
        config.gae_lambda,
    ).reshape(-1)
    log_prob = distribution.log_prob(*_policy(params, config, env, obs), flat.action)
    return Samples(obs, flat.action, log_prob, value, advantage, target=advantage + value)


def gae(
    reward: Float[Array, "time *env"],
    value: Float[Array, "time *env"],
    next_value: Float[Array, "time *env"],
    terminated: Bool[Array, "time *env"],
    done: Bool[Array, "time *env"],
    gamma: Float[Array, ""] | float,
    gae_lambda: Float[Array, ""] | float,
) -> Float[Array, "time *env"]:
    """Return generalised advantage estimates (Schulman et al. 2016, arXiv:1506.02438, eq. 16).

    `next_value` is that of the observation a step led to, before any reset: it is left out where the episode
    terminated and bootstrapped where it was only truncated. The sum of eq. 16 ends at `done` either way.
    """
    delta = reward + gamma * next_value * ~terminated - value

    def backward(advantage: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
        delta, done = step
        advantage = delta + gamma * gae_lambda * ~done * advantage
        return advantage, advantage

    _, advantage = jax.lax.scan(backward, jnp.zeros_like(delta[0]), (delta, done), reverse=True)
    return advantage


def _update(
    learner: Learner,
    batch: Batch,
    config: PPOConfig,
    env: VectorEnv,
    key: PRNGKeyArray,
    env_steps: Count,
    num_samples: Count,
) -> Learner:
    """Make `num_epochs` passes over the samples, each in a new random order.

    Updates after the first divergence beyond `target_kl` are without effect: lanes of a block go on together.
    """
    learning_rate = on_policy.learning_rate(config, env_steps)
    of_rollout = {"explained_variance": batch.explained_variance}

    def update(carry: tuple[Learner, Bool[Array, ""]], minibatch: Samples) -> tuple[Learner, Bool[Array, ""]]:
        learner, is_over = carry
        grads, of_update = jax.grad(loss, has_aux=True)(learner.params, config, env, minibatch)
        is_over = is_over | (of_update["kl"] > 1.5 * config.target_kl)
        grads = optimizer.flat(grads)
        norm = optimizer.norm(grads)
        clipped = optimizer.clip(grads, norm, config.max_grad_norm)
        params, opt_state = optimizer.descend(
            learner.params, learner.opt_state, clipped, learning_rate, config, active=~is_over
        )
        params = params._replace(log_std=_within_bounds(params.log_std, config))
        updates = metrics.add_update(learner.updates, {**of_update, **of_rollout, "grad_norm": norm}, ~is_over)
        return Learner(params, opt_state, updates), is_over

    begin = learner, jnp.zeros((), bool)
    return on_policy.passes(update, begin, batch.samples, num_samples, key, env_steps, config)[0]


_EXPERIENCE, _UPDATE = Part(_experience), Part(_update, is_hot=True)


def _explained_variance(samples: Samples) -> Float[Array, ""]:
    """Return the share of the targets' variance that the values before the update explain; 1 is perfect."""
    return 1.0 - jnp.var(samples.target - samples.value) / (jnp.var(samples.target) + 1e-8)


def loss(params: Params, config: PPOConfig, env: VectorEnv, samples: Samples) -> tuple[Float[Array, ""], Metrics]:
    """Return the loss on a minibatch, see the head of this module, and the metrics of an update."""
    distribution = distributions.for_env(env)
    policy, value = _policy(params, config, env, samples.obs), _value(params, config, env, samples.obs)
    log_ratio = distribution.log_prob(*policy, samples.action) - samples.log_prob
    advantage = _standardized(samples.advantage, config.normalize_advantage)
    change = jnp.exp(log_ratio) - 1.0
    of_samples = {
        "policy_loss": policy_loss_of(log_ratio, advantage, config.clip_eps),
        "value_loss": value_loss_of(value, samples.value, samples.target, config.vf_clip_eps),
        "entropy": distribution.entropy(*policy),
        "value": value,
        "kl": change - log_ratio,
        "clip_fraction": (jnp.abs(change) > config.clip_eps).astype(jnp.float32),
    }
    means = {name: jnp.mean(x) for name, x in of_samples.items()}
    total = means["policy_loss"] + config.vf_coef * means["value_loss"] - config.ent_coef * means["entropy"]
    return total, means


def policy_loss_of(
    log_ratio: Float[Array, "*batch"], advantage: Float[Array, "*batch"], clip_eps: Array | float
) -> Float[Array, "*batch"]:
    """Return the clipped surrogate objective (Schulman et al. 2017, eq. 7), negated."""
    ratio = jnp.exp(log_ratio)
    return -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1.0 - clip_eps, 1.0 + clip_eps) * advantage)


def value_loss_of(
    value: Float[Array, "*batch"],
    old_value: Float[Array, "*batch"],
    target: Float[Array, "*batch"],
    vf_clip_eps: Array | float,
) -> Float[Array, "*batch"]:
    """Return half the larger of the squared errors of the value and of the value held near the old one."""
    near = old_value + jnp.clip(value - old_value, -vf_clip_eps, vf_clip_eps)
    return 0.5 * jnp.maximum(jnp.square(value - target), jnp.square(near - target))


def _standardized(advantage: Float[Array, " batch"], active: Bool[Array, ""] | bool) -> Float[Array, " batch"]:
    if advantage.size == 1:  # it would be 0, whatever it is
        return advantage
    standard = (advantage - jnp.mean(advantage)) / (jnp.std(advantage) + 1e-8)
    return jnp.where(active, standard, advantage)


def _policy(
    params: Params, config: PPOConfig, env: VectorEnv, obs: PyTree[Array]
) -> tuple[Float[Array, "action batch"], Float[Array, "std #batch"]]:
    """Return logits or means of actions, and the logarithms of standard deviations, see `distributions.Distribution`."""
    output = action_masks.masked(_actor(config, env).apply(params.actor, obs).T, env, obs)
    if not _stds_are_outputs(config, env):
        return output, params.log_std[:, None]
    mean, log_std = jnp.split(output, 2)
    return mean, _within_bounds(log_std, config)


def _value(params: Params, config: PPOConfig, env: VectorEnv, obs: PyTree[Array]) -> Float[Array, " batch"]:
    return _critic(config, env).apply(params.critic, obs)[:, 0]
