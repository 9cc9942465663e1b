"""Evaluating an agent: whole episodes, side by side, with the deterministic policy."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from envs.vector import Start, VectorEnv


class Episodes(NamedTuple):
    """Undiscounted returns and lengths of evaluation episodes."""

    episode_return: Float[Array, " episode"]
    length: Int[Array, " episode"]


class _Progress(NamedTuple):
    time: Int[Array, ""]
    env_state: Any
    obs: PyTree[Array]
    running: Bool[Array, " episode"]
    episodes: Episodes


def evaluate(
    env: VectorEnv, policy: Callable[[PyTree[Array]], Array], key: PRNGKeyArray, num_episodes: int
) -> Episodes:
    """Play `num_episodes` episodes from fresh start states, see `play`."""
    key_start, key_steps = jax.random.split(key)
    return play(env, policy, env.reset(key_start, (num_episodes,)), key_steps)


def play(env: VectorEnv, policy: Callable[[PyTree[Array]], Array], start: Start, key: PRNGKeyArray) -> Episodes:
    """Play an episode from each of some start states until the last has ended.

    `policy` maps observations `(episode, ...)` to actions. An episode counts up to the step that ends it. The key is for
    the env's steps.
    """
    obs, env_state = start
    num_episodes = jax.tree.leaves(obs)[0].shape[0]

    def step(progress: _Progress) -> _Progress:
        step_keys = jax.random.split(jax.random.fold_in(key, progress.time), num_episodes)
        after = env.step(step_keys, progress.env_state, policy(progress.obs), (progress.obs, progress.env_state))
        episodes = Episodes(
            progress.episodes.episode_return + jnp.where(progress.running, after.reward, 0.0),
            progress.episodes.length + progress.running,
        )
        running = progress.running & ~(after.terminated | after.truncated)
        return _Progress(progress.time + 1, after.state, after.obs, running, episodes)

    none = Episodes(jnp.zeros(num_episodes), jnp.zeros(num_episodes, jnp.int32))
    progress = _Progress(jnp.zeros((), jnp.int32), env_state, obs, jnp.ones(num_episodes, bool), none)
    return jax.lax.while_loop(
        lambda progress: progress.running.any() & (progress.time < env.episode_limit), step, progress
    ).episodes
