"""Random permutations that are computed entry by entry: of any number of entries in one program, and without sorting."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray, UInt32

from arl.algorithms import random_keys
from arl.algorithms.parts import Count

_TO_WALK = np.uint32(1 << 31)  # marks a number that is not yet below `num`
_NUM_ROUNDS = 6  # with fewer, permutations of 5 entries are not equally likely

Choice = tuple[UInt32[Array, ""], ...]  # of a permutation


def draw(key: PRNGKeyArray, step: Count, number: Count) -> Choice:
    """Return the constants of one of a step's random permutations: the words of as many keys as there are rounds."""
    (keys,) = random_keys.of_step(key, step, (_NUM_ROUNDS,), update=number)
    return tuple(jax.random.key_data(keys).reshape(-1))


def entries(choice: Choice, places: Int[Array, " place"], num: Count) -> Int[Array, " place"]:
    """Return what stands at some places of a permutation of the numbers below `num`.

    A random mapping of the numbers of as many bits onto each other is repeated where it leads beyond `num` (cycle walking:
    Black & Rogaway 2002, doi:10.1007/3-540-45760-7_9, method 2), at most every other time on average.
    """
    num = jnp.asarray(num, jnp.uint32)
    num_bits = jnp.maximum(32 - jax.lax.clz(num - 1), 1)

    def walk(numbers: Array) -> Array:
        walked = _mapped(numbers & ~_TO_WALK, choice, num_bits)
        return jnp.where(numbers < num, numbers, jnp.where(walked < num, walked, walked | _TO_WALK))

    walked = jax.lax.while_loop(lambda x: jnp.any(x >= num), walk, places.astype(jnp.uint32) | _TO_WALK)
    return walked.astype(jnp.int32)


def _mapped(numbers: UInt32[Array, " place"], choice: Choice, num_bits: UInt32[Array, ""]) -> UInt32[Array, " place"]:
    """Return other numbers of `num_bits` bits: each step, a product with an odd number and a shift, can be undone."""
    mask = (np.uint32(1) << num_bits) - 1
    for factor, summand in zip(choice[::2], choice[1::2], strict=True):
        numbers = (numbers * (factor | 1) + summand) & mask
        numbers ^= numbers >> jnp.maximum(num_bits // 2, 1)
    return numbers
