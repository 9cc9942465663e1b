"""Action distributions of a policy network, as functions of its output.

Outputs are feature-major, `(action, *batch)`. Noise is drawn apart from sampling, so that the noise of a whole rollout
is one draw and depends on the keys alone.
"""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from arl.algorithms import random_keys

_LOG_SQRT_2PI = 0.9189385332046727


@runtime_checkable
class Distribution(Protocol):
    """What an algorithm needs of an action distribution.

    `output` is the network's; `log_std` are logarithms of standard deviations, `(action, batch)`, or `(action, 1)` if they
    do not depend on the observation. An action takes `num_noise` random numbers.
    """

    num_log_std: int
    num_noise: int

    def noise(self, keys: Array) -> Array: ...
    def sample(self, output: Array, log_std: Array, noise: Array) -> Array: ...
    def mode(self, output: Array) -> Array: ...
    def log_prob(self, output: Array, log_std: Array, action: Array) -> Array: ...
    def entropy(self, output: Array, log_std: Array) -> Array: ...


class Categorical:
    """Over integers; the output holds logits. Sampled as argmax(logits + Gumbel noise)."""

    num_log_std = 0

    def __init__(self, num_actions: int):
        self.num_actions = self.num_noise = num_actions

    def noise(self, keys: Key[Array, "*shape action batch"]) -> Float[Array, "*shape action batch"]:
        return random_keys.gumbel(keys)

    def sample(self, output: Float[Array, "action batch"], log_std: Array, noise: Array) -> Int[Array, " batch"]:
        return jnp.argmax(output + noise, axis=0)

    def mode(self, output: Float[Array, "action batch"]) -> Int[Array, " batch"]:
        return jnp.argmax(output, axis=0)

    def log_prob(
        self, output: Float[Array, "action batch"], log_std: Array, action: Int[Array, " batch"]
    ) -> Float[Array, " batch"]:
        chosen = jnp.arange(self.num_actions)[:, None] == action
        return jnp.sum(jnp.where(chosen, jax.nn.log_softmax(output, axis=0), 0.0), axis=0)

    def entropy(self, output: Float[Array, "action batch"], log_std: Array) -> Float[Array, " batch"]:
        log_probs = jax.nn.log_softmax(output, axis=0)
        return -jnp.sum(jnp.exp(log_probs) * log_probs, axis=0)


class DiagonalNormal:
    """Over real vectors, whose components are independent; the output holds means.

    Actions are `(batch, action)`, in the env's own units; the env clips them to its bounds.
    """

    def __init__(self, action_size: int):
        self.num_log_std = self.num_noise = action_size

    def noise(self, keys: Key[Array, "*shape action batch"]) -> Float[Array, "*shape action batch"]:
        return random_keys.normal(keys)

    def sample(
        self, output: Float[Array, "action batch"], log_std: Float[Array, "action #batch"], noise: Array
    ) -> Float[Array, "batch action"]:
        return (output + jnp.exp(log_std) * noise).T

    def mode(self, output: Float[Array, "action batch"]) -> Float[Array, "batch action"]:
        return output.T

    def log_prob(
        self,
        output: Float[Array, "action batch"],
        log_std: Float[Array, "action #batch"],
        action: Float[Array, "batch action"],
    ) -> Float[Array, " batch"]:
        scaled = (action.T - output) * jnp.exp(-log_std)
        return jnp.sum(-0.5 * jnp.square(scaled) - log_std - _LOG_SQRT_2PI, axis=0)

    def entropy(
        self, output: Float[Array, "action batch"], log_std: Float[Array, "action #batch"]
    ) -> Float[Array, " batch"]:
        return jnp.broadcast_to(jnp.sum(log_std + 0.5 + _LOG_SQRT_2PI, axis=0), output.shape[1:])


def for_env(env) -> Distribution:
    """Return the distribution over a `VectorEnv`'s actions."""
    return Categorical(env.action_size) if env.discrete else DiagonalNormal(env.action_size)


def squashed_normal(
    output: Float[Array, "two_action batch"], noise: Float[Array, "action batch"]
) -> tuple[Float[Array, "action batch"], Float[Array, " batch"]]:
    """Return actions tanh(u) in [-1, 1] with u normal, and log probabilities (Haarnoja et al. 2018, appendix C, eq. 26).

    The output's first half holds the means of u, its second the logarithms of the standard deviations, kept in [-20, 2].
    log(1 - tanh(u)^2) is written so that it does not round to log 0.
    """
    mean, log_std = jnp.split(output, 2)
    log_std = jnp.clip(log_std, -20.0, 2.0)
    u = mean + jnp.exp(log_std) * noise
    log_prob = -0.5 * jnp.square(noise) - log_std - _LOG_SQRT_2PI
    log_slope = 2.0 * (jnp.log(2.0) - u - jax.nn.softplus(-2.0 * u))
    return jnp.tanh(u), jnp.sum(log_prob - log_slope, axis=0)
