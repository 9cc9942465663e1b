"""Env steps per second of environments, measured on this machine and remembered for `arl list envs`."""

import json
import platform
import time
from pathlib import Path

from arl import files

NUM_ENVS, NUM_STEPS = 64, 100
LEAST_SECONDS = 0.5


def path() -> Path:
    """Return the file of the speeds, by machine and environment."""
    import platformdirs

    return platformdirs.user_cache_path("arl") / "env_speeds.json"


def recorded() -> dict[str, float]:
    """Return the env steps per second that were measured on this machine, by environment."""
    return _of_machines().get(platform.node(), {})


def measure(name: str) -> float:
    """Return how many env steps per second an environment makes, and record it.

    `NUM_ENVS` copies take random actions side by side in a compiled program, resets included, for half a second or one
    call; compilation does not count.

    Raises:
        InputError: the environment can't be made.
    """
    import jax

    from arl.training import backend
    from envs import testing, vector

    backend.setup()
    env, key = vector.make(name), jax.random.key(0)
    program = jax.jit(testing.rollout, static_argnums=(0, 2, 3)).lower(env, key, NUM_STEPS, NUM_ENVS).compile()
    jax.block_until_ready(program(key))
    num_calls, start, seconds = 0, time.perf_counter(), 0.0
    while seconds < LEAST_SECONDS:
        jax.block_until_ready(program(key))
        num_calls, seconds = num_calls + 1, time.perf_counter() - start
    speed = num_calls * NUM_STEPS * NUM_ENVS / seconds
    _record(name, speed)
    return speed


def _record(name: str, speed: float) -> None:
    machines = _of_machines()
    machines.setdefault(platform.node(), {})[name] = speed
    files.write_json(path(), machines)


def _of_machines() -> dict[str, dict[str, float]]:
    """Return the speeds by machine and environment; none if the file is missing or damaged, which is no error of a cache."""
    try:
        return json.loads(path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
