"""Running mean and variance of observations, merged batch by batch (Chan, Golub & LeVeque 1979, eq. 2.1).

Observations are pytrees. Real-valued arrays are normalised number by number; integers and truth values, such as tiles or
pixels, stay as they are.
"""

from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

_CLIP = 10.0

Obs = TypeVar("Obs", bound=PyTree[Array])


class Normalizer(NamedTuple):
    """Moments of the observations seen: how many, their mean, and their sum of squared deviations from it.

    `mean` and `squares` have the structure of an observation; in place of an array that is not normalised stands an empty
    one.
    """

    num_seen: Float[Array, ""]
    mean: PyTree[Float[Array, "..."]]
    squares: PyTree[Float[Array, "..."]]


def init(obs_spec: PyTree[jax.ShapeDtypeStruct]) -> Normalizer:
    """Return the moments of no observations, by which normalising changes nothing."""
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape if _is_real(x) else (0,)), obs_spec)
    return Normalizer(jnp.zeros(()), zeros, zeros)


def update(normalizer: Normalizer, obs: PyTree[Array]) -> Normalizer:
    """Return the moments with a batch of observations, arrays `(batch, ...)`, added."""
    num = jax.tree.leaves(obs)[0].shape[0]
    count = normalizer.num_seen + num

    def merged(obs: Array, mean: Array, squares: Array) -> tuple[Array, Array]:
        if not _is_real(obs):
            return mean, squares
        batch_mean = jnp.mean(obs, axis=0)
        delta = batch_mean - mean
        batch_squares = jnp.sum(jnp.square(obs - batch_mean), axis=0)
        return (
            mean + delta * num / count,
            squares + batch_squares + jnp.square(delta) * normalizer.num_seen * num / count,
        )

    moments = jax.tree.map(merged, obs, normalizer.mean, normalizer.squares)
    mean, squares = (jax.tree.map(lambda _, pair, i=i: pair[i], obs, moments) for i in range(2))
    return Normalizer(count, mean, squares)


def normalize(normalizer: Normalizer, obs: Obs, active: Bool[Array, ""] | bool) -> Obs:
    """Return real-valued observations `(batch, ...)` at mean 0 and variance 1, clipped to +-10, if `active`."""
    seen = normalizer.num_seen > 0

    def normalized(obs: Any, mean: Array, squares: Array) -> Any:
        if not _is_real(obs):
            return obs
        variance = jnp.where(seen, squares / jnp.maximum(normalizer.num_seen, 1.0), 1.0)
        standard = jnp.clip((obs - mean) / jnp.sqrt(variance + 1e-8), -_CLIP, _CLIP)
        return jnp.where(active, standard, obs)

    return jax.tree.map(normalized, obs, normalizer.mean, normalizer.squares)


def _is_real(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)
