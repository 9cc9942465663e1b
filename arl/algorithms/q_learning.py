"""What DQN and PQN share: epsilon-greedy actions, and values of the actions taken."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from arl.algorithms.parts import Count


def linear_epsilon(
    env_steps: Count, initial: Array | float, final: Array | float, falling_steps: Array | float
) -> Float[Array, ""]:
    """Return the exploration rate, which falls linearly from `initial` to `final` over `falling_steps` env steps."""
    fallen = jnp.minimum(env_steps / jnp.maximum(falling_steps, 1.0), 1.0)
    return initial + fallen * (final - initial)


def epsilon_greedy(
    q_values: Float[Array, "action env"],
    uniform: Float[Array, "two env"],
    epsilon: Array | float,
    mask: Bool[Array, "env action"] | None,
) -> Int[Array, " env"]:
    """Return the best action, or a random one with probability epsilon; the uniform numbers decide whether, and which.

    With a mask, a random action is one that is allowed; the values are masked already.
    """
    random = _random(uniform[1], q_values.shape[0]) if mask is None else _random_allowed(uniform[1], mask)
    return jnp.where(uniform[0] < epsilon, random, jnp.argmax(q_values, axis=0))


def _random(uniform: Float[Array, " env"], num_actions: int | Int[Array, " env"]) -> Int[Array, " env"]:
    """Return numbers below the number of actions."""
    return jnp.minimum((uniform * num_actions).astype(jnp.int32), num_actions - 1)


def _random_allowed(uniform: Float[Array, " env"], mask: Bool[Array, "env action"]) -> Int[Array, " env"]:
    """Return actions that are allowed."""
    num_allowed = jnp.cumsum(mask, axis=1)  # among the actions up to each
    return jnp.argmax(num_allowed > _random(uniform, num_allowed[:, -1])[:, None], axis=1)


def chosen(q_values: Float[Array, "action batch"], action: Int[Array, " batch"]) -> Float[Array, " batch"]:
    """Return the values of the actions taken."""
    is_chosen = jnp.arange(q_values.shape[0])[:, None] == action
    return jnp.sum(jnp.where(is_chosen, q_values, 0.0), axis=0)
