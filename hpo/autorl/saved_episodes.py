"""Files of environments: the state of all their agents, and all random states. Reading a file executes nothing."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import serialization

from arl import files
from arl.errors import InputError, first_line
from arl.records.store import dumps
from arl.training import saved_agents
from arl.training.runner import Agent
from arl.training.saved_agents import SavedAgent
from hpo.autorl.course import Course, Episode

_FORMAT = 1
_PLAIN = ("seed", "interval", "score", "over", "config")  # fields of an episode that are stored as they are


def save(path: Path, course: Course, episodes: Sequence[Episode], generators: Sequence[np.random.Generator]) -> Path:
    """Write the state of all agents, and all random states; the file appears whole or not at all."""
    description = {
        "format": _FORMAT,
        "settings": course.settings(),
        "episodes": [
            {**{name: getattr(episode, name) for name in _PLAIN}, "observation": episode.observation.tolist()}
            for episode in episodes
        ],
        "random": [generator.bit_generator.state for generator in generators],
    }
    agents = [_packed(course, episode) for episode in episodes]
    return files.write_bytes(
        path, serialization.msgpack_serialize({"about": json.dumps(description), "agents": agents})
    )


def restore(path: Path, course: Course) -> tuple[list[Episode], list[np.random.Generator]]:
    """Return the episodes and random states that `save` wrote.

    Raises:
        InputError: no such file, or of another environment.
    """
    try:
        data = serialization.msgpack_restore(path.read_bytes())
        description = json.loads(data["about"])
        recorded = description["settings"]
        pairs = list(zip(description["episodes"], data["agents"], strict=True))
        generators = [_generator(state) for state in description["random"]]
    except Exception as error:  # each library fails in its own way on a foreign file
        raise _unreadable(path, error) from error
    for key, value in course.settings().items():
        if dumps(value) != dumps(recorded.get(key)):
            raise InputError(f"environment file {str(path)!r} is of another environment: its {key} differs")
    try:
        return [_episode(values, agent) for values, agent in pairs], generators
    except Exception as error:
        raise _unreadable(path, error) from error


def _packed(course: Course, episode: Episode) -> bytes:
    """Return the bytes of an agent's file; none if the agent is untrained."""
    if episode.agent is None:
        return b""
    task, agent = course.codec.task, episode.agent
    config = task.algorithm.canonical(task.full(episode.config))
    params = task.env_params(episode.config)
    saved = SavedAgent(task.algorithm_name, task.env_name, config, params, episode.seed, agent.env_steps, agent.state)
    return saved_agents.packed(saved)


def _episode(values: Mapping[str, Any], packed: bytes) -> Episode:
    agent = None
    if packed:
        saved = saved_agents.unpacked(packed)
        agent = Agent(saved.env_steps, jax.tree.map(lambda x: x[None, None], saved.state), (0, 0))
    return Episode(**{**values, "observation": np.array(values["observation"], np.float32), "agent": agent})


def _generator(state: Mapping[str, Any]) -> np.random.Generator:
    generator = np.random.Generator(np.random.PCG64())
    generator.bit_generator.state = state
    return generator


def _unreadable(path: Path, error: Exception) -> InputError:
    cause = f"{type(error).__name__}: {first_line(error)[:200]}"
    return InputError(f"environment file {str(path)!r} can't be read: {cause}")
