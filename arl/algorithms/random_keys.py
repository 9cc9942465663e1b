"""Keys of a step of training from one key and the step's number."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, PRNGKeyArray

from arl.algorithms.parts import Count


def of_step(key: PRNGKeyArray, step: Count | Int[Array, ""], num: int) -> Key[Array, " key"]:
    """Return `num` keys for a step, others for each step below 2^32 / num.

    They come from one pass of the generator, where splitting a key that the step is folded into takes two: it is a loop of
    its own in the program, slow to compile and to run.
    """
    numbers = jnp.asarray(step, jnp.uint32) * num + jnp.arange(num, dtype=jnp.uint32)
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, numbers)
