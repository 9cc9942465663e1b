"""Scaling of rewards: by a factor, and by the standard deviation of discounted returns.

As `VecNormalize` of stable-baselines3 and `NormalizeReward` of gymnasium do, returns are those from the start of an episode
to each of its steps, and rewards are divided by their spread without being centred or clipped.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from arl.algorithms import normalizer
from arl.algorithms.normalizer import Normalizer
from arl.hyperparameters.agent import AgentConfig


class Returns(NamedTuple):
    """The discounted return of each env's episode so far, and the moments of all returns seen."""

    current: Float[Array, " env"]
    moments: Normalizer


def no_returns(num_envs: int) -> Returns:
    """Return those of envs at the start of their first episodes."""
    return Returns(jnp.zeros(num_envs), normalizer.init(jax.ShapeDtypeStruct((), jnp.float32)))


def add_steps(
    returns: Returns,
    reward: Float[Array, "time env"],
    done: Bool[Array, "time env"],
    gamma: Float[Array, ""] | float,
) -> Returns:
    """Return those after some more steps of every env."""

    def step(current: Array, of_step: tuple[Array, Array]) -> tuple[Array, Array]:
        return _after(current, *of_step, gamma)

    current, seen = jax.lax.scan(step, returns.current, (reward, done))
    return Returns(current, normalizer.update(returns.moments, seen.reshape(-1)))


def add_step(
    returns: Returns, reward: Float[Array, " env"], done: Bool[Array, " env"], gamma: Float[Array, ""] | float
) -> Returns:
    """Return those after one more step of every env."""
    current, seen = _after(returns.current, reward, done, gamma)
    return Returns(current, normalizer.update(returns.moments, seen))


def _after(current: Array, reward: Array, done: Array, gamma: Array | float) -> tuple[Array, Array]:
    """Return the returns from which the next step goes on, and those that this step has led to."""
    seen = gamma * current + reward
    return jnp.where(done, 0.0, seen), seen


def factor(returns: Returns, config: AgentConfig) -> Float[Array, ""]:
    """Return what rewards are multiplied by: `reward_scale`, over the spread of returns if `normalize_rewards`."""
    spread = jnp.where(config.normalize_rewards, normalizer.deviation(returns.moments), 1.0)
    return config.reward_scale / spread
