"""Actions that an env does not allow after some observations, which have a mask of those that it does."""

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from envs.vector import VectorEnv

FORBIDDEN = -1e9  # as a logit: the probability is 0, and so is the gradient; as a value: below any other


def masked(output: Float[Array, "action batch"], env: VectorEnv, obs: PyTree[Array]) -> Float[Array, "action batch"]:
    """Return the logits or values of actions after observations `(batch, ...)`, `FORBIDDEN` where one is not allowed."""
    mask = env.action_mask(obs)
    return output if mask is None else jnp.where(mask.T, output, FORBIDDEN)
