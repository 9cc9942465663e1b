"""Agents as files: the whole state, so that a loaded agent acts and goes on training as if it had never been saved.

One file is a msgpack map: what the agent is (JSON) and its state. It holds no code; but an agent of an environment or a
network of the user's own names its module, which is imported when the agent is read.
"""

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import serialization
from jaxtyping import PyTree

from arl import algorithms, files
from arl import config as configs
from arl.algorithms import Algorithm
from arl.errors import InputError, first_line
from envs import vector
from envs.vector import VectorEnv

_FORMAT = 3


@dataclasses.dataclass(frozen=True)
class SavedAgent:
    """An agent with all that is needed to use it.

    Attributes:
        algorithm_name, env_name: as the registries know them.
        config: the algorithm's complete config.
        env_params: params of the env that differ from its defaults.
        seed: the seed it was trained under.
        env_steps: env steps it was trained for.
        state: the algorithm's state.
    """

    algorithm_name: str
    env_name: str
    config: Any
    env_params: Mapping[str, float]
    seed: int
    env_steps: int
    state: Any

    @functools.cached_property
    def algorithm(self) -> Algorithm:
        """The algorithm."""
        return algorithms.get(self.algorithm_name)

    @functools.cached_property
    def env(self) -> VectorEnv:
        """The env, with its params."""
        return vector.make(self.env_name).with_params(self.env_params)

    def act(self, obs: Any, key: jax.Array | None = None) -> jax.Array:
        """Return actions for observations `(env, ...)`: the most likely ones, or sampled ones if a key is given.

        Raises:
            InputError: observations of another shape.
        """
        env = self.env
        try:
            batch = jax.tree.map(lambda spec, x: jnp.asarray(x, spec.dtype), env.obs_spec, obs)
            shapes = jax.tree.map(lambda x: x.shape[1:], batch)
        except (TypeError, ValueError) as error:
            raise InputError(f"obs must be {_described(env.obs_spec)}, got {first_line(error)}") from error
        expected = jax.tree.map(lambda spec: spec.shape, env.obs_spec)
        if shapes != expected or any(x.ndim == 0 for x in jax.tree.leaves(batch)):
            raise InputError(f"obs must be {_described(env.obs_spec)}, got {_described(batch)}")
        explore = key is not None
        return self.algorithm.act(
            self.state, self.config, env, batch, key if key is not None else jax.random.key(0), explore
        )


def save(path: Path, agent: SavedAgent) -> Path:
    """Write an agent; the file appears whole or not at all."""
    return files.write_bytes(path, packed(agent))


def packed(agent: SavedAgent) -> bytes:
    """Return an agent as what its file holds."""
    description = {
        "format": _FORMAT,
        "algorithm": agent.algorithm_name,
        "env": agent.env_name,
        "config": configs.values(agent.config),
        "env_params": dict(agent.env_params),
        "seed": agent.seed,
        "env_steps": agent.env_steps,
    }
    state = jax.device_get(jax.tree.map(_without_key_type, agent.state))
    return serialization.msgpack_serialize(
        {"about": json.dumps(description), "state": serialization.to_state_dict(state)}
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


def unpacked(data: bytes) -> SavedAgent:
    """Return the agent that a file holds.

    Raises:
        InputError: a file of another format.
        Exception: whatever reading something else raises.
    """
    contents = serialization.msgpack_restore(data)
    description = json.loads(contents["about"])
    if description["format"] != _FORMAT:
        raise InputError(f"an agent's file must have format {_FORMAT}, got {description['format']}: train it again")
    algorithm = algorithms.get(description["algorithm"])
    agent = SavedAgent(
        description["algorithm"],
        description["env"],
        configs.make(algorithm.Config, description["config"]),
        description.get("env_params", {}),
        description["seed"],
        description["env_steps"],
        state=None,
    )
    env = agent.env  # it is tried when it is made, which can't be traced
    blank = jax.eval_shape(lambda key: algorithm.init(key, agent.config, env), jax.random.key(0))
    return dataclasses.replace(agent, state=_restored(blank, contents["state"]))


def _restored(blank: Any, stored: Any) -> Any:
    """Return the stored state in the shape of a blank one; flax checks the names alone."""
    state = jax.tree.map(_with_key_type, blank, serialization.from_state_dict(blank, stored))
    for expected, got in zip(jax.tree.leaves(blank), jax.tree.leaves(state), strict=True):
        if (expected.shape, expected.dtype) != (got.shape, got.dtype):
            raise ValueError(f"an array must be {expected.dtype}{expected.shape}, got {got.dtype}{got.shape}")
    return state


def _is_key(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _without_key_type(x: Any) -> Any:
    """Return the numbers of a JAX key, such as environments hold in their state, and anything else as it is."""
    return jax.random.key_data(x) if _is_key(x) else x


def _with_key_type(blank: Any, x: Any) -> Any:
    return jax.random.wrap_key_data(jnp.asarray(x)) if _is_key(blank) else jnp.asarray(x)


def _described(obs: PyTree) -> str:
    """Return shapes in words: `float32 (env, 4)`, or a dict of them."""
    leaves = jax.tree_util.tree_leaves_with_path(obs)
    is_spec = all(isinstance(leaf, jax.ShapeDtypeStruct) for _, leaf in leaves)
    words = []
    for path, leaf in leaves:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        shape = ("env", *leaf.shape) if is_spec else leaf.shape
        words.append(f"{name + ': ' if name else ''}{leaf.dtype} ({', '.join(map(str, shape))})")
    return "; ".join(words)
