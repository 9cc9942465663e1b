"""Adam on one tree of parameters, with its hyperparameters as arrays, so that each lane has its own."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from arl.hyperparameters.agent import AgentConfig

Params = TypeVar("Params")


def init(params: Any) -> optax.OptState:
    """Return moments of zero, of Adam and of RAdam."""
    return optax.scale_by_adam().init(params)


def descend(
    params: Params,
    opt_state: optax.OptState,
    grads: Params,
    learning_rate: Array | float,
    config: AgentConfig,
    active: Bool[Array, ""] | bool = True,
) -> tuple[Params, optax.OptState]:
    """Return params and state after a step of Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1), if `active`.

    The step is made from the moments that are kept: if XLA had to hold old and new ones side by side, it would copy them.
    """
    beta1, beta2 = config.adam_beta1, config.adam_beta2
    new = (
        optax.tree.update_moment(grads, opt_state.mu, beta1, 1),
        optax.tree.update_moment_per_elem_norm(grads, opt_state.nu, beta2, 2),
    )
    mu, nu = jax.tree.map(lambda new, old: jnp.where(active, new, old), new, (opt_state.mu, opt_state.nu))
    count = opt_state.count + jnp.asarray(active, jnp.int32)
    mean, variance = (
        optax.tree.bias_correction(moment, beta, jnp.maximum(count, 1)) for moment, beta in ((mu, beta1), (nu, beta2))
    )
    rate = jnp.where(active, learning_rate, 0.0)
    params = jax.tree.map(lambda p, m, v: p - rate * (m / (jnp.sqrt(v) + config.adam_eps)), params, mean, variance)
    return params, optax.ScaleByAdamState(count, mu, nu)


def descend_rectified(
    params: Params, opt_state: optax.OptState, grads: Params, learning_rate: Array | float, config: AgentConfig
) -> tuple[Params, optax.OptState]:
    """Return params and state after a step of RAdam (Liu et al. 2020, arXiv:1908.03265, algorithm 2), which warms up."""
    scale = optax.scale_by_radam(config.adam_beta1, config.adam_beta2, config.adam_eps)
    updates, opt_state = scale.update(grads, opt_state)
    return jax.tree.map(lambda p, u: p - learning_rate * u, params, updates), opt_state


def clip(grads: Params, norm: Array, max_norm: Array | float) -> Params:
    """Return gradients of the given norm, scaled down to `max_norm` where they exceed it."""
    scale = jnp.minimum(1.0, max_norm / (norm + 1e-12))
    return jax.tree.map(lambda g: g * scale, grads)


def norm(grads: Any) -> Float[Array, ""]:
    """Return the norm of all gradients together; as dot products, which XLA vectorises on CPU where it does not a sum."""
    return jnp.sqrt(sum(jnp.vdot(g, g) for g in jax.tree.leaves(grads)))


def blend(target: Params, source: Params, share: Array | float) -> Params:
    """Return `share` of the source and the rest of the target: a soft update (Lillicrap et al. 2016, arXiv:1509.02971)."""
    return jax.tree.map(lambda t, s: (1.0 - share) * t + share * s, target, source)
