"""Soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905), for real-valued and for discrete actions.

With policy pi, temperature alpha, two critics Q_i and their targets Q'_i, and a transition over n steps from o to o' with
discounted reward R and remaining discount d (0 where the episode terminated), the losses are means of

    critics   (Q_i(o, a) - R - d V(o'))^2 / 2,   V(o') = E[min_i Q'_i(o', a') - alpha log pi(a'|o')]     eqs. 3, 5
    actor     E[alpha log pi(a|o) - min_i Q_i(o, a)]                                                     eq. 7
    log alpha log alpha (H[pi(.|o)] - target entropy)                                                    cf. eq. 18

Real-valued actions are squashed: a = tanh(u) with u normal, in [-1, 1]. So they are stored and criticised; the env gets
them scaled to its own units. The expectations are over one sample; over discrete actions they are exact sums
(Christodoulou 2019, arXiv:1910.07207, eqs. 10 to 12).
"""

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, PyTree

from arl import networks
from arl.algorithms import agent_config, distributions, metrics, normalizer, off_policy, optimizer, random_keys, replay
from arl.algorithms.metrics import Metrics
from arl.algorithms.off_policy import OffPolicyState, Progress, actor, iteration_steps
from arl.algorithms.parts import ONE_PROGRAM, Count, Keys, Part, Programs
from arl.config import pytree
from arl.errors import InputError
from arl.hyperparameters.sac import SACConfig
from arl.networks import Network
from envs.vector import VectorEnv

__all__ = ["METRICS", "Config", "act", "actor", "canonical", "check", "init", "iteration_steps", "train"]

METRICS = ("policy_loss", "q_loss", "td_error", "q_value", "entropy", "alpha", *metrics.COMMON)

_LEAST_ALPHA = 1e-8  # to begin with: its logarithm is finite

Config = pytree(SACConfig)


class Learner(NamedTuple):
    """The networks, Adam's moments, and the log of the temperature where `alpha_auto` adapts it.

    `critics` are two, along a leading axis.
    """

    actor: Any
    critics: Any
    targets: Any
    log_alpha: Float[Array, ""]
    opt_actor: optax.OptState
    opt_critics: optax.OptState
    opt_alpha: optax.OptState


def canonical(config: SACConfig) -> SACConfig:
    """Return the config that trains the same with the smallest values: critics as wide as the actor state no width."""
    same_width = config.critic_hidden_size == config.hidden_size
    return dataclasses.replace(config, critic_hidden_size=0) if same_width else config


def check(config: SACConfig, env: VectorEnv) -> None:
    """Refuse an env that it can't drive, and a config that can't learn.

    Raises:
        InputError: real-valued actions without bounds, a temperature that can't grow, a network that does not fit, or
            what `off_policy.check` refuses.
    """
    if not (env.discrete or env.bounded):
        raise InputError("sac must have an env with discrete or bounded actions, got unbounded ones")
    if config.alpha_auto and config.alpha == 0.0:
        raise InputError("alpha must be above 0 where alpha_auto adapts it, got 0.0")
    agent_config.check_network(config, env, _actor_outputs(env))
    agent_config.check_network(config, env, _critic_outputs(env), action_size=_critic_action_size(env))
    off_policy.check(config)


def init(key: Keys, config: SACConfig, env: VectorEnv, programs: Programs = ONE_PROGRAM) -> OffPolicyState:
    """Return an untrained agent at the start of its episodes."""
    learner = programs.call(_LEARNER, (), (), config, env, key)
    return OffPolicyState(learner, *programs.call(_START, (), (), config, env, key))


def _learner(changed: Any, read: Any, config: SACConfig, env: VectorEnv, key: PRNGKeyArray) -> Learner:
    key_actor, *keys_critic, _, _ = jax.random.split(agent_config.network_key(key, config), 5)
    obs = networks.blank(env.obs_spec)
    action = [jnp.zeros((1, _critic_action_size(env)))] if _critic_action_size(env) else []
    actor = _actor(config, env).init(key_actor, obs)
    both = [_critic(config, env).init(key, obs, *action) for key in keys_critic]
    critics = jax.tree.map(lambda *x: jnp.stack(x), *both)
    log_alpha = jnp.log(jnp.maximum(jnp.asarray(config.alpha, jnp.float32), _LEAST_ALPHA))
    moments = (optimizer.init(tree) for tree in (actor, critics, log_alpha))
    return Learner(actor, critics, critics, log_alpha, *moments)


def _start(changed: Any, read: Any, config: SACConfig, env: VectorEnv, key: PRNGKeyArray) -> tuple[Any, ...]:
    *_, key_reset, key_noise = jax.random.split(key, 5)
    noise = jax.random.normal(key_noise, (env.action_size, config.num_envs))
    return off_policy.start(key_reset, noise, config, env)


_LEARNER, _START = Part(_learner, once=True, row_by_row=True), Part(_start, once=True)


def _actor(config: SACConfig, env: VectorEnv) -> Network:
    """Return the network that maps observations to logits, or to means and log standard deviations of actions."""
    return agent_config.network(config, env, _actor_outputs(env), last_scale=0.01)


def _critic(config: SACConfig, env: VectorEnv) -> Network:
    """Return the network that maps observations to the values of all actions, or with an action to its value."""
    return agent_config.network(config, env, _critic_outputs(env), config.critic_hidden_size)


def _actor_outputs(env: VectorEnv) -> int:
    return env.action_size * (1 if env.discrete else 2)


def _critic_outputs(env: VectorEnv) -> int:
    return env.action_size if env.discrete else 1


def _critic_action_size(env: VectorEnv) -> int:
    """Return how many components of an action the critics are given."""
    return 0 if env.discrete else env.action_size


def train(
    state: OffPolicyState,
    config: SACConfig,
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
    config: SACConfig,
    env: VectorEnv,
    obs: PyTree[Array],
    key: PRNGKeyArray,
    explore: bool,
) -> Array:
    """Return actions for observations `(env, ...)` in the env's own units: sampled if `explore`, else the policy's mode."""
    obs = normalizer.normalize(state.normalizer, obs, config.normalize_observations)
    output = _actor(config, env).apply(state.learner.actor, obs).T
    if explore:
        return env.scaled(_sampled(output, env, key))
    if env.discrete:
        return jnp.argmax(output, axis=0)
    return env.scaled(jnp.tanh(output[: env.action_size]).T)


def _explore(
    learner: Learner,
    noise: Float[Array, "action env"],
    config: SACConfig,
    env: VectorEnv,
    obs: PyTree[Array],
    keys: Key[Array, "action env"],
    env_steps: Int[Array, ""],
) -> tuple[Array, Float[Array, "action env"]]:
    """Return actions of the policy, uniform ones until learning starts."""
    output, random = _actor(config, env).apply(learner.actor, obs).T, env_steps < config.learning_starts
    if env.discrete:
        return _categorical(jnp.where(random, 0.0, output), keys), noise
    noise = off_policy.correlated(noise, keys, config.noise_correlation)
    uniform = 2.0 * off_policy.uniform_of(noise) - 1.0
    return jnp.where(random, uniform, distributions.squashed_normal(output, noise)[0]).T, noise


def _sampled(output: Float[Array, "output env"], env: VectorEnv, key: PRNGKeyArray) -> Array:
    """Return actions drawn from the policy: `(env,)` if discrete, else `(env, action)` in [-1, 1]."""
    keys = jax.random.split(key, (env.action_size, output.shape[1]))
    if env.discrete:
        return _categorical(output, keys)
    return distributions.squashed_normal(output, random_keys.normal(keys))[0].T


def _categorical(logits: Float[Array, "action env"], keys: Key[Array, "action env"]) -> Int[Array, " env"]:
    return jnp.argmax(logits + random_keys.gumbel(keys), axis=0)


def _update(
    learner: Learner,
    config: SACConfig,
    env: VectorEnv,
    batch: replay.Transitions,
    weights: Float[Array, " batch"],
    keys: Key[Array, "two_action batch"],
    progress: Progress,
) -> tuple[Learner, Float[Array, " batch"], Metrics]:
    """Update the critics, then the actor against the new critics, then the temperature."""
    noise = jnp.split(random_keys.normal(keys), 2)
    alpha = temperature(learner, config)
    next_q, next_entropy = _evaluated(learner.actor, learner.targets, config, env, batch.next_obs, noise[0])
    target = batch.reward + batch.discount * (next_q + alpha * next_entropy)

    def critics_loss(critics: Any) -> tuple[Float[Array, ""], tuple[Array, Array]]:
        value = _q_taken(critics, config, env, batch.obs, batch.action)
        losses = weights * 0.5 * jnp.square(value - target)
        return jnp.sum(jnp.mean(losses, axis=1)), (jnp.mean(jnp.abs(value - target), axis=0), value)

    (q_loss, (td_error, value)), grads_critics = jax.value_and_grad(critics_loss, has_aux=True)(learner.critics)
    learning_rate = config.learning_rate * config.critic_learning_rate_scale
    grads_critics = optimizer.flat(grads_critics)
    critics_norm = optimizer.norm(grads_critics)
    clipped = optimizer.clip(grads_critics, critics_norm, config.max_grad_norm)
    critics, opt_critics = optimizer.descend(learner.critics, learner.opt_critics, clipped, learning_rate, config)

    def actor_loss(actor: Any) -> tuple[Float[Array, ""], Float[Array, ""]]:
        q, entropy = _evaluated(actor, critics, config, env, batch.obs, noise[1])
        return -jnp.mean(weights * (q + alpha * entropy)), jnp.mean(entropy)

    (policy_loss, entropy), grads_actor = jax.value_and_grad(actor_loss, has_aux=True)(learner.actor)
    grads_actor = optimizer.flat(grads_actor)
    actor_norm = optimizer.norm(grads_actor)
    clipped = optimizer.clip(grads_actor, actor_norm, config.max_grad_norm)
    actor, opt_actor = optimizer.descend(learner.actor, learner.opt_actor, clipped, config.learning_rate, config)

    learning_rate = config.learning_rate * config.alpha_learning_rate_scale
    grad_alpha = optimizer.flat(entropy - target_entropy(config, env))
    log_alpha, opt_alpha = optimizer.descend(
        learner.log_alpha, learner.opt_alpha, grad_alpha, learning_rate, config, active=config.alpha_auto
    )

    due = progress.num_updates % config.target_update_gradient_steps == 0
    share = jnp.where(config.use_target_network, config.tau * due, 1.0)
    targets = optimizer.blend(learner.targets, critics, share)
    of_update = {
        "policy_loss": policy_loss,
        "q_loss": q_loss,
        "td_error": jnp.mean(td_error),
        "q_value": jnp.mean(value),
        "entropy": entropy,
        "alpha": alpha,
        "grad_norm": jnp.hypot(actor_norm, critics_norm),
    }
    return Learner(actor, critics, targets, log_alpha, opt_actor, opt_critics, opt_alpha), td_error, of_update


def temperature(learner: Learner, config: SACConfig) -> Float[Array, ""]:
    """Return the weight of the entropy."""
    return jnp.where(config.alpha_auto, jnp.exp(learner.log_alpha), config.alpha)


def target_entropy(config: SACConfig, env: VectorEnv) -> Float[Array, ""]:
    """Return the entropy that `alpha_auto` keeps, in nats."""
    unit = 0.98 * math.log(env.action_size) if env.discrete else -float(env.action_size)
    return jnp.asarray(config.target_entropy_scale * unit)


def _evaluated(
    actor: Any,
    critics: Any,
    config: SACConfig,
    env: VectorEnv,
    obs: PyTree[Array],
    noise: Float[Array, "action batch"],
) -> tuple[Float[Array, " batch"], Float[Array, " batch"]]:
    """Return the policy's value by the smaller critic, and its entropy: of an action of some noise, or all discrete ones."""
    output = _actor(config, env).apply(actor, obs).T
    if env.discrete:
        log_prob, q = jax.nn.log_softmax(output, axis=0), jnp.min(_q_outputs(critics, config, env, obs), axis=0)
        prob = jnp.exp(log_prob)
        return jnp.sum(prob * q, axis=0), -jnp.sum(prob * log_prob, axis=0)
    action, log_prob = distributions.squashed_normal(output, noise)
    q = _q_outputs(critics, config, env, obs, action.T)
    return jnp.min(q[:, 0], axis=0), -log_prob


def _q_taken(
    critics: Any, config: SACConfig, env: VectorEnv, obs: PyTree[Array], action: Float[Array, "batch action"]
) -> Float[Array, "critic batch"]:
    """Return both critics' values of the actions taken."""
    if not env.discrete:
        return _q_outputs(critics, config, env, obs, action)[:, 0]
    taken = jnp.arange(env.action_size)[:, None] == action[:, 0]
    return jnp.sum(jnp.where(taken, _q_outputs(critics, config, env, obs), 0.0), axis=1)


def _q_outputs(
    critics: Any, config: SACConfig, env: VectorEnv, obs: PyTree[Array], *action: Float[Array, "batch action"]
) -> Float[Array, "critic output batch"]:
    return jax.vmap(lambda critic: _critic(config, env).apply(critic, obs, *action).T)(critics)


_ITERATIONS = off_policy.part(_explore, _update, num_noise=lambda env: 0 if env.discrete else 2 * env.action_size)
