"""Adam on one tree of parameters, with its hyperparameters as arrays, so that each lane has its own.

Gradients and moments are one vector, `flat`: compiled programs have a kernel for it where they would have one for each array.
"""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from arl.hyperparameters.agent import AgentConfig

Params = TypeVar("Params")


def init(params: Any) -> optax.OptState:
    """Return moments of zero, of Adam and of RAdam."""
    return optax.scale_by_adam().init(jnp.zeros_like(flat(params)))


def flat(tree: Any) -> Float[Array, " param"]:
    """Return all numbers of a tree in one vector."""
    return ravel_pytree(tree)[0]


def descend(
    params: Params,
    opt_state: optax.OptState,
    grads: Float[Array, " param"],
    learning_rate: Array | float,
    config: AgentConfig,
    active: Bool[Array, ""] | bool = True,
) -> tuple[Params, optax.OptState]:
    """Return params and state after a step of Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1), if `active`.

    The step is made from the moments that are kept: if XLA had to hold old and new ones side by side, it would copy them.
    """
    beta1, beta2 = config.adam_beta1, config.adam_beta2
    mu = jnp.where(active, beta1 * opt_state.mu + (1.0 - beta1) * grads, opt_state.mu)
    nu = jnp.where(active, beta2 * opt_state.nu + (1.0 - beta2) * jnp.square(grads), opt_state.nu)
    count = opt_state.count + jnp.asarray(active, jnp.int32)
    mean, variance = (
        optax.tree.bias_correction(moment, beta, jnp.maximum(count, 1)) for moment, beta in ((mu, beta1), (nu, beta2))
    )
    rate = jnp.where(active, learning_rate, 0.0)
    step = rate * (mean / (jnp.sqrt(variance) + config.adam_eps))
    return _minus(params, step), optax.ScaleByAdamState(count, mu, nu)


def descend_rectified(
    params: Params,
    opt_state: optax.OptState,
    grads: Float[Array, " param"],
    learning_rate: Array | float,
    config: AgentConfig,
) -> tuple[Params, optax.OptState]:
    """Return params and state after a step of RAdam (Liu et al. 2020, arXiv:1908.03265, algorithm 2), which warms up."""
    scale = optax.scale_by_radam(config.adam_beta1, config.adam_beta2, config.adam_eps)
    updates, opt_state = scale.update(grads, opt_state)
    return _minus(params, learning_rate * updates), opt_state


def _minus(params: Params, step: Float[Array, " param"]) -> Params:
    _, unravel = ravel_pytree(params)
    return jax.tree.map(jnp.subtract, params, unravel(step))


def clip(grads: Float[Array, " param"], norm: Array, max_norm: Array | float) -> Float[Array, " param"]:
    """Return gradients of the given norm, scaled down to `max_norm` where they exceed it."""
    return grads * jnp.minimum(1.0, max_norm / (norm + 1e-12))


def norm(grads: Float[Array, " param"]) -> Float[Array, ""]:
    """Return the norm of gradients; as a dot product, which XLA vectorises on CPU where it does not a sum."""
    return jnp.sqrt(jnp.vdot(grads, grads))


def blend(target: Params, source: Params, share: Array | float) -> Params:
    """Return `share` of the source and the rest of the target: a soft update (Lillicrap et al. 2016, arXiv:1509.02971)."""
    return jax.tree.map(lambda t, s: (1.0 - share) * t + share * s, target, source)
