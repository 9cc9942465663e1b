"""Keys and random numbers of steps of training, from one key and the steps' numbers.

Those of a step come from one pass of the generator (Threefry: Salmon et al. 2011, doi:10.1145/2063384.2063405). Each pass is
a loop of its own in a program, slow to compile and to run; with keys that are split again and again there are many.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import random as generators
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from arl.algorithms.parts import Count

_GENERATOR = "threefry2x32"
_OF_UPDATES = np.uint32(1 << 31)  # number of the first key for an update
_SMALLEST = float(np.finfo(np.float32).tiny)
_ABOVE_MINUS_ONE = float(np.nextafter(np.float32(-1.0), np.float32(0.0)))


def from_seed(seed: int | Int[Array, ""]) -> PRNGKeyArray:
    """Return the key of a seed, for the generator that `of_step` draws from."""
    return jax.random.key(seed, impl=_GENERATOR)


def of_step(
    key: PRNGKeyArray, step: Count, *shapes: tuple[int, ...], update: Count | None = None
) -> tuple[Key[Array, "..."], ...]:
    """Return keys for a step, or for one of its updates, in arrays of the given shapes.

    They differ from those of all other steps below 2^32 - 1, and from those that `jax.random.split` and `fold_in` make. A
    step has fewer than 2^31 keys, and so have all its updates together.

    Args:
        key: the key.
        step: the step's number.
        shapes: of the arrays of keys.
        update: number of the update; None for what precedes the updates.
    """
    sizes = [math.prod(shape) for shape in shapes]
    num, ends = sum(sizes), np.cumsum(sizes)
    low = jnp.arange(num, dtype=jnp.uint32)
    if update is not None:
        low += _OF_UPDATES + jnp.asarray(update, jnp.uint32) * np.uint32(num)
    high = jnp.full(num, jnp.asarray(step, jnp.uint32) + 1)  # 0 is that of `split` and `fold_in`
    words = generators.threefry_2x32(tuple(jax.random.key_data(key)), jnp.concatenate([high, low]))
    keys = jax.random.wrap_key_data(words.reshape(2, num).T, impl=_GENERATOR)
    return tuple(keys[end - size : end].reshape(shape) for end, size, shape in zip(ends, sizes, shapes, strict=True))


def uniform(keys: Key[Array, "*shape"], low: float = 0.0, high: float = 1.0) -> Float[Array, "*shape"]:
    """Return a number for each key, used up by it: uniform in [low, high), of 23 bits."""
    words = jax.random.key_data(keys)
    bits = jax.lax.shift_right_logical(words[..., 0] ^ words[..., 1], np.uint32(9)) | np.float32(1.0).view(np.uint32)
    numbers = jax.lax.bitcast_convert_type(bits, jnp.float32) - 1.0
    return jnp.maximum(low, numbers * (high - low) + low)


def normal(keys: Key[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return a standard normal number for each key, used up by it."""
    return np.float32(np.sqrt(2.0)) * jax.lax.erf_inv(uniform(keys, _ABOVE_MINUS_ONE))


def gumbel(keys: Key[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return a number of the standard Gumbel distribution for each key, used up by it."""
    return -jnp.log(-jnp.log(uniform(keys, _SMALLEST)))
