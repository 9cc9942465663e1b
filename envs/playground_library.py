"""Environments of MuJoCo Playground's dm_control suite, on MJX in JAX."""

from typing import Any

import numpy as np

from arl.errors import unknown
from envs.brax_library import BraxEnv, quiet
from envs.registry import checked_limit


def make(name: str, episode_limit: int | None = None, **arguments: Any) -> BraxEnv:
    """Return the environment of the suite with that name; the arguments are entries of its config.

    Its states are of Brax' form. A reward is from 0 to 1, so that a return is from 0 to the limit.

    Raises:
        InputError: no such environment or argument.
    """
    with quiet():
        from mujoco_playground import dm_control_suite
    if name not in dm_control_suite.ALL_ENVS:
        raise unknown("playground environment", name, dm_control_suite.ALL_ENVS)
    config = dm_control_suite.get_default_config(name)
    for argument in arguments:
        if argument not in config:
            raise unknown("argument", argument, ["episode_limit", *config], f"of environment 'playground/{name}'")
    config.update({"impl": "jax", **arguments})  # its default, Warp, compiles kernels for minutes on a CPU
    limit = checked_limit(f"playground/{name}", config.episode_length if episode_limit is None else episode_limit)
    with quiet():
        raw = dm_control_suite.load(name, config=config)
    bound = np.ones(raw.action_size, np.float32)
    return BraxEnv(raw, limit, -bound, bound, return_range=(0.0, float(limit)))
