"""Running mean and variance of observations, merged batch by batch (Chan, Golub & LeVeque 1979, eq. 2.1).

Observations are pytrees. Real-valued arrays are normalised number by number; integers and truth values, such as tiles or
pixels, stay as they are.

After 2^20 batches, older observations count for less: the share of a batch does not fall further, below which float32 would
round away what most batches change.
"""

from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

_CLIP = 10.0
_MOST_BATCHES = 2**20

Obs = TypeVar("Obs", bound=PyTree[Array])


class Normalizer(NamedTuple):
    """Moments of the observations seen: how many count, their mean, and their variance.

    `mean` and `variance` have the structure of an observation; in place of an array that is not normalised stands an empty
    one.
    """

    num_seen: Float[Array, ""]
    mean: PyTree[Float[Array, "..."]]
    variance: PyTree[Float[Array, "..."]]


def init(obs_spec: PyTree[jax.ShapeDtypeStruct]) -> Normalizer:
    """Return the moments of no observations, by which normalising changes nothing."""
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape if _is_real(x) else (0,)), obs_spec)
    return Normalizer(jnp.zeros(()), zeros, zeros)


def update(normalizer: Normalizer, obs: PyTree[Array]) -> Normalizer:
    """Return the moments with a batch of observations, arrays `(batch, ...)`, added."""
    num = jax.tree.leaves(obs)[0].shape[0]
    count = jnp.minimum(normalizer.num_seen + num, float(_MOST_BATCHES * num))
    share = num / count

    def merged(obs: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
        if not _is_real(obs):
            return mean, variance
        delta = jnp.mean(obs, axis=0) - mean
        around_both = jnp.var(obs, axis=0) + (1.0 - share) * jnp.square(delta)
        return mean + share * delta, variance + share * (around_both - variance)

    moments = jax.tree.map(merged, obs, normalizer.mean, normalizer.variance)
    mean, variance = (jax.tree.map(lambda _, pair, i=i: pair[i], obs, moments) for i in range(2))
    return Normalizer(count, mean, variance)


def normalize(normalizer: Normalizer, obs: Obs, active: Bool[Array, ""] | bool) -> Obs:
    """Return real-valued observations `(batch, ...)` at mean 0 and variance 1, clipped to +-10, if `active`."""

    def normalized(obs: Any, mean: Array, deviation: Array) -> Any:
        if not _is_real(obs):
            return obs
        standard = jnp.clip((obs - mean) / deviation, -_CLIP, _CLIP)
        return jnp.where(active, standard, obs)

    return jax.tree.map(normalized, obs, normalizer.mean, deviation(normalizer))


def deviation(normalizer: Normalizer) -> PyTree[Float[Array, "..."]]:
    """Return the standard deviation of what was seen, 1 before anything was."""
    seen = normalizer.num_seen > 0
    return jax.tree.map(lambda variance: jnp.sqrt(jnp.where(seen, variance, 1.0) + 1e-8), normalizer.variance)


def _is_real(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)
