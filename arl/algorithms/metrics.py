"""Training metrics: sums over updates and env steps on the device, means at the end of a segment."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from arl.algorithms.parts import Part

Metrics = dict[str, Float[Array, "*lane"]]

# Of every algorithm: mean and variance over updates of the gradients' norm; env steps and reward per finished episode.
COMMON = ("grad_norm", "grad_norm_variance", "episode_length", "episode_return")


class Totals(NamedTuple):
    """Sums since the segment began."""

    updates: Metrics
    num_updates: Float[Array, ""]
    reward: Float[Array, ""]
    num_steps: Float[Array, ""]
    num_episodes: Float[Array, ""]


def init(names: tuple[str, ...]) -> Totals:
    """Return sums of nothing, for an algorithm with the metrics `names`."""
    zero = jnp.zeros(())
    of_updates = [name for name in names if not name.startswith("episode_")]
    return Totals(dict.fromkeys(of_updates, zero), zero, zero, zero, zero)


def add_update(totals: Totals, metrics: Metrics, active: Bool[Array, ""] | bool = True) -> Totals:
    """Return the sums with an update's metrics added, if it is an active one."""
    metrics = {**metrics, "grad_norm_variance": jnp.square(metrics["grad_norm"])}
    updates = jax.tree.map(lambda total, x: total + jnp.where(active, x, 0.0), totals.updates, metrics)
    return totals._replace(updates=updates, num_updates=totals.num_updates + jnp.where(active, 1.0, 0.0))


def add_steps(totals: Totals, reward: Float[Array, "*step"], done: Bool[Array, "*step"]) -> Totals:
    """Return the sums with env steps added."""
    return totals._replace(
        reward=totals.reward + jnp.sum(reward),
        num_steps=totals.num_steps + reward.size,
        num_episodes=totals.num_episodes + jnp.sum(done),
    )


def means(totals: Totals) -> Metrics:
    """Return the means: NaN over no updates, or no steps. Where no episode ended, the sums stand for one."""
    of_updates = {name: total / totals.num_updates for name, total in totals.updates.items()}
    variance = of_updates["grad_norm_variance"] - jnp.square(of_updates["grad_norm"])
    episodes = jnp.where(totals.num_steps > 0, jnp.maximum(totals.num_episodes, 1.0), 0.0)
    return {
        **of_updates,
        "grad_norm_variance": jnp.maximum(variance, 0.0),
        "episode_length": totals.num_steps / episodes,
        "episode_return": totals.reward / episodes,
    }


@functools.cache
def start(names: tuple[str, ...]) -> Part:
    """Return the part that gives the sums of nothing, see `init`."""
    return Part(lambda changed, read, config, env, key: init(names))


MEANS = Part(lambda changed, totals, config, env, key: means(totals))
