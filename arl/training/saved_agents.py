"""Agents as files: the whole state, so that a loaded agent acts and goes on training as if it had never been saved.

One file is a msgpack map: what the agent is (JSON) and its state. It holds no code; but an agent of an environment of the
user's own names that environment's module, which is imported when the agent is read.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import serialization

from arl import algorithms, files
from arl import config as configs
from arl.algorithms import Algorithm
from arl.errors import InputError, first_line
from envs import vector
from envs.vector import VectorEnv

_FORMAT = 1


@dataclass(frozen=True)
class SavedAgent:
    """A loaded agent with all that is needed to use it."""

    algorithm: Algorithm
    env: VectorEnv
    config: Any
    seed: int
    env_steps: int
    state: Any

    def act(self, obs: jax.typing.ArrayLike, key: jax.Array | None = None) -> jax.Array:
        """Actions for observations `(env, feature)`: the most likely ones, or sampled ones if a key is given.

        Raises:
            InputError: observations of another shape.
        """
        obs = jnp.asarray(obs, jnp.float32)
        if obs.ndim != 2 or obs.shape[1] != self.env.obs_size:
            raise InputError(f"obs must have shape (env, {self.env.obs_size}), got {obs.shape}")
        explore = key is not None
        return self.algorithm.act(
            self.state, self.config, self.env, obs, key if explore else jax.random.key(0), explore
        )


def save(path: Path, algorithm: str, env: str, config: Any, seed: int, env_steps: int, state: Any) -> Path:
    """Write an agent; the file appears whole or not at all."""
    return files.write_bytes(path, packed(algorithm, env, config, seed, env_steps, state))


def packed(algorithm: str, env: str, config: Any, seed: int, env_steps: int, state: Any) -> bytes:
    """An agent as what its file holds."""
    about = {
        "format": _FORMAT,
        "algorithm": algorithm,
        "env": env,
        "config": configs.values(config),
        "seed": seed,
        "env_steps": env_steps,
    }
    return serialization.msgpack_serialize(
        {"about": json.dumps(about), "state": serialization.to_state_dict(jax.device_get(state))}
    )


def load(path: str | Path) -> SavedAgent:
    """Read an agent.

    Raises:
        InputError: no such file, or no agent in it.
    """
    try:
        return unpacked(Path(path).read_bytes())
    except InputError:
        raise
    except Exception as error:  # msgpack, JSON and flax each fail in their own way on a foreign file
        cause = f"{type(error).__name__}: {first_line(error)[:200]}"
        raise InputError(f"agent file {str(path)!r} can't be read: {cause}") from error


def unpacked(packed: bytes) -> SavedAgent:
    """The agent that a file holds; what is none fails in any way."""
    data = serialization.msgpack_restore(packed)
    about = json.loads(data["about"])
    if about["format"] != _FORMAT:
        raise InputError(f"an agent's file must have format {_FORMAT}, got {about['format']}")
    algorithm, env = algorithms.get(about["algorithm"]), vector.make(about["env"])
    config: Any = configs.make(algorithm.Config, about["config"])
    blank = jax.eval_shape(lambda key: algorithm.init(key, config, env), jax.random.key(0))
    state = _restored(blank, data["state"])
    return SavedAgent(algorithm, env, config, about["seed"], about["env_steps"], state)


def _restored(blank: Any, stored: Any) -> Any:
    """The stored state in the shape of a blank one; flax checks the names alone."""
    state = jax.tree.map(jnp.asarray, serialization.from_state_dict(blank, stored))
    for expected, got in zip(jax.tree.leaves(blank), jax.tree.leaves(state), strict=True):
        if (expected.shape, expected.dtype) != (got.shape, got.dtype):
            raise ValueError(f"an array must be {expected.dtype}{expected.shape}, got {got.dtype}{got.shape}")
    return state
