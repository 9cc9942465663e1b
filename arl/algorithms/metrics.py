"""Training metrics: running means over updates and over finished episodes, on the device.

They are means and not sums, so that they stay right however many updates and episodes there are: a float32 that is counted
up by ones stops at 2^24.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from arl.algorithms.parts import Part

Metrics = dict[str, Float[Array, "*lane"]]

# Of every algorithm: mean and variance over updates of the gradients' norm; means over the episodes that have ended.
COMMON = ("grad_norm", "grad_norm_variance", "episode_length", "episode_return")


class Updates(NamedTuple):
    """Means over the updates since the segment began, and how many these are."""

    means: Metrics
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
    of_updates = [name for name in names if not name.startswith("episode_")]
    return Updates(dict.fromkeys(of_updates, jnp.zeros(())), jnp.zeros((), jnp.int32))


def no_episodes(num_envs: int) -> Episodes:
    """Return the episodes of envs that are at the start of their first."""
    return Episodes(jnp.zeros((2, num_envs)), jnp.zeros(2), jnp.zeros((), jnp.int32))


def add_update(updates: Updates, metrics: Metrics, active: Bool[Array, ""] | bool = True) -> Updates:
    """Return the means with an update's metrics added, if it is an active one."""
    metrics = {**metrics, "grad_norm_variance": jnp.square(metrics["grad_norm"])}
    num = updates.num + jnp.asarray(active, jnp.int32)
    share = 1.0 / jnp.maximum(num, 1)
    means = jax.tree.map(lambda mean, x: jnp.where(active, mean + share * (x - mean), mean), updates.means, metrics)
    return Updates(means, num)


def add_step(episodes: Episodes, reward: Float[Array, " env"], done: Bool[Array, " env"]) -> Episodes:
    """Return the episodes after one more step of every env."""
    so_far = episodes.so_far + jnp.stack([reward, jnp.ones_like(reward)])
    num = jnp.sum(done, dtype=jnp.int32)
    num_ended = episodes.num_ended + num
    change = jnp.sum(jnp.where(done, so_far, 0.0), axis=1) - num * episodes.means
    means = episodes.means + change / jnp.maximum(num_ended, 1)
    return Episodes(jnp.where(done, 0.0, so_far), means, num_ended)


def results(updates: Updates, episodes: Episodes) -> Metrics:
    """Return the metrics of a segment: NaN over no updates, or no episode that has ended."""
    means = {name: _or_nan(mean, updates.num) for name, mean in updates.means.items()}
    variance = means["grad_norm_variance"] - jnp.square(means["grad_norm"])
    episode_return, episode_length = _or_nan(episodes.means, episodes.num_ended)
    return {
        **means,
        "grad_norm_variance": jnp.maximum(variance, 0.0),
        "episode_length": episode_length,
        "episode_return": episode_return,
    }


def _or_nan(mean: Float[Array, "*mean"], num: Int[Array, ""]) -> Float[Array, "*mean"]:
    return jnp.where(num > 0, mean, jnp.nan)


@functools.cache
def start(names: tuple[str, ...]) -> Part:
    """Return the part that begins a segment, see `no_updates`."""
    return Part(lambda changed, read, config, env, key: no_updates(names))


def _end(episodes: Episodes, updates: Updates, config: Any, env: Any, key: Any) -> tuple[Episodes, Metrics]:
    """End a segment: return its metrics, and the episodes without those that have ended."""
    none_ended = no_episodes(episodes.so_far.shape[1])._replace(so_far=episodes.so_far)
    return none_ended, results(updates, episodes)


END = Part(_end)
