"""Training metrics: running means over updates and over finished episodes, on the device.

They are means and not sums, so that they stay right however many updates and episodes there are: a float32 that is counted
up by ones stops at 2^24.
"""

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from arl.algorithms.parts import Part

Metrics = dict[str, Float[Array, "*lane"]]

# Of every algorithm: mean and variance over updates of the gradients' norm; means over the episodes that have ended.
COMMON = ("grad_norm", "grad_norm_variance", "episode_length", "episode_return")


class Updates(NamedTuple):
    """Means over the updates since the segment began, in the order of the metrics' names, and how many these are."""

    means: Float[Array, " metric"]
    num: Int[Array, ""]


class Episodes(NamedTuple):
    """The episodes that some envs are in, and those that have ended since the segment began.

    Attributes:
        so_far: return and length of each env's episode so far.
        means: of return and length over the episodes that have ended; 0 if there is none.
        num_ended: how many these are.
    """

    so_far: Float[Array, "two env"]
    means: Float[Array, " two"]
    num_ended: Int[Array, ""]


def no_updates(names: tuple[str, ...]) -> Updates:
    """Return the means over no updates, for an algorithm with the metrics `names`."""
    return Updates(jnp.zeros(len(_of_updates(names))), jnp.zeros((), jnp.int32))


def no_episodes(num_envs: int) -> Episodes:
    """Return the episodes of envs that are at the start of their first."""
    return Episodes(jnp.zeros((2, num_envs)), jnp.zeros(2), jnp.zeros((), jnp.int32))


def add_update(updates: Updates, metrics: Metrics, active: Bool[Array, ""] | bool = True) -> Updates:
    """Return the means with an update's metrics added, if it is an active one."""
    metrics = {**metrics, "grad_norm_variance": jnp.square(metrics["grad_norm"])}
    num = updates.num + jnp.asarray(active, jnp.int32)
    new = jnp.stack([metrics[name] for name in _of_updates(metrics)])
    means = updates.means + (new - updates.means) / jnp.maximum(num, 1)
    return Updates(jnp.where(active, means, updates.means), num)


def add_step(episodes: Episodes, reward: Float[Array, " env"], done: Bool[Array, " env"]) -> Episodes:
    """Return the episodes after one more step of every env."""
    so_far = episodes.so_far + jnp.stack([reward, jnp.ones_like(reward)])
    num = jnp.sum(done, dtype=jnp.int32)
    num_ended = episodes.num_ended + num
    change = jnp.sum(jnp.where(done, so_far, 0.0), axis=1) - num * episodes.means
    means = episodes.means + change / jnp.maximum(num_ended, 1)
    return Episodes(jnp.where(done, 0.0, so_far), means, num_ended)


def results(updates: Updates, episodes: Episodes, names: tuple[str, ...]) -> Metrics:
    """Return the metrics `names` of a segment: NaN over no updates, or no episode that has ended."""
    means = dict(zip(_of_updates(names), _or_nan(updates.means, updates.num), strict=True))
    variance = means["grad_norm_variance"] - jnp.square(means["grad_norm"])
    episode_return, episode_length = _or_nan(episodes.means, episodes.num_ended)
    return {
        **means,
        "grad_norm_variance": jnp.maximum(variance, 0.0),
        "episode_length": episode_length,
        "episode_return": episode_return,
    }


def _of_updates(names: Iterable[str]) -> list[str]:
    """Return the names of metrics that are means over updates, in the order of a vector of them."""
    return sorted(name for name in names if not name.startswith("episode_"))


def _or_nan(mean: Float[Array, "*mean"], num: Int[Array, ""]) -> Float[Array, "*mean"]:
    return jnp.where(num > 0, mean, jnp.nan)


@functools.cache
def start(names: tuple[str, ...]) -> Part:
    """Return the part that begins a segment, see `no_updates`."""
    return Part(lambda changed, read, config, env, key: no_updates(names), once=True)


@functools.cache
def end(names: tuple[str, ...]) -> Part:
    """Return the part that ends a segment: it gives the episodes without those that have ended, and the metrics."""

    def function(episodes: Episodes, updates: Updates, config: Any, env: Any, key: Any) -> tuple[Episodes, Metrics]:
        none_ended = no_episodes(episodes.so_far.shape[1])._replace(so_far=episodes.so_far)
        return none_ended, results(updates, episodes, names)

    return Part(function, once=True)
