"""Running mean and variance of observations, merged batch by batch (Chan, Golub & LeVeque 1979, eq. 2.1)."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

_CLIP = 10.0


class Normalizer(NamedTuple):
    """Moments of the observations seen: how many, their mean, and their sum of squared deviations from it."""

    num_seen: Float[Array, ""]
    mean: Float[Array, " feature"]
    squares: Float[Array, " feature"]


def init(num_features: int) -> Normalizer:
    """Nothing seen: normalising changes nothing."""
    return Normalizer(jnp.zeros(()), jnp.zeros(num_features), jnp.zeros(num_features))


def update(normalizer: Normalizer, obs: Float[Array, "batch feature"]) -> Normalizer:
    """The moments with one more batch of observations."""
    num = obs.shape[0]
    count = normalizer.num_seen + num
    mean = jnp.mean(obs, axis=0)
    delta = mean - normalizer.mean
    squares = jnp.sum(jnp.square(obs - mean), axis=0)
    return Normalizer(
        count,
        normalizer.mean + delta * num / count,
        normalizer.squares + squares + jnp.square(delta) * normalizer.num_seen * num / count,
    )


def normalize(
    normalizer: Normalizer, obs: Float[Array, "batch feature"], active: Bool[Array, ""] | bool
) -> Float[Array, "batch feature"]:
    """Observations of mean 0 and variance 1, clipped to +-10, if `active`; else as they are."""
    seen = normalizer.num_seen > 0
    variance = jnp.where(seen, normalizer.squares / jnp.maximum(normalizer.num_seen, 1.0), 1.0)
    normalized = jnp.clip((obs - normalizer.mean) / jnp.sqrt(variance + 1e-8), -_CLIP, _CLIP)
    return jnp.where(active, normalized, obs)
