"""What `arl evaluate` prints: returns of saved agents over whole episodes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from arl.errors import InputError
from arl.training import backend, evaluation, saved_agents
from arl.training.evaluation import Episodes
from arl.training.saved_agents import SavedAgent


def rows(locations: Sequence[Path], num_episodes: int, seed: int) -> list[dict[str, Any]]:
    """Return a row per agent: its returns over episodes from the start states that a seed gives.

    Raises:
        InputError: no agent in a folder, a file that can't be read, or a seed that is no 32-bit number.
    """
    if seed >= 2**31:
        raise InputError(f"seed must be below 2**31, got {seed}")
    backend.setup()
    agents = {path: saved_agents.load(path) for location in locations for path in _files(location)}
    return [_row(path, agent, play(agent, num_episodes, seed)) for path, agent in agents.items()]


def play(agent: SavedAgent, num_episodes: int, seed: int) -> Episodes:
    """Let an agent play episodes with its deterministic policy, as the evaluations in training do."""
    chance = jax.random.fold_in(jax.random.key(seed), 2**31 + agent.seed)  # not that of its training

    @jax.jit
    def episodes(state: Any, key: jax.Array) -> Episodes:
        def policy(obs: Any) -> jax.Array:
            return agent.algorithm.act(state, agent.config, agent.env, obs, key, False)

        return evaluation.evaluate(agent.env.scored, policy, key, num_episodes)

    return jax.device_get(episodes(agent.state, chance))


def _files(location: Path) -> Iterable[Path]:
    """Return the files of a folder's agents, or the file itself."""
    if not location.is_dir():
        return [location]
    found = sorted(location.glob("*.agent"))
    if not found:
        raise InputError(f"folder must hold files *.agent, got {str(location)!r} without any")
    return found


def _row(path: Path, agent: SavedAgent, episodes: Episodes) -> dict[str, Any]:
    returns = np.asarray(episodes.episode_return, float)
    return {
        "agent": str(path),
        "env": agent.env_name,
        "seed": agent.seed,
        "env steps": agent.env_steps,
        "episodes": len(returns),
        "return": float(returns.mean()),
        "std": float(returns.std()),
        "lowest": float(returns.min()),
        "highest": float(returns.max()),
        "length": float(np.mean(episodes.length)),
    }
