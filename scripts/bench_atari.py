"""Measure what an env step of an Atari game costs: the parts of ours, and ALE's own vector environment.

Both step `--envs` copies by random actions, on one core and in turn, with 84 x 84 observations, four of them stacked. Parts
of ours are measured one by one. Costs are CPU microseconds of an env step, the least of the repeats.

    .venv/bin/python scripts/bench_atari.py [--game Breakout] [--envs 8] [--repeats 5] [--core 0]
"""

import argparse
import os
import re
import time
from collections.abc import Callable
from typing import Any

import ale_py
import jax
import jax.numpy as jnp
import numpy as np

from arl import algorithms
from arl import config as configs
from envs import ale_library, vector
from hpo.cli.printing import print_table

NUM_STEPS = 100


def main() -> None:
    """Print a table of the costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--game", default="Breakout")
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--core", type=int, default=0)
    given = parser.parse_args()
    os.sched_setaffinity(0, {given.core})
    pieces = {**of_ale(given.game, given.envs), **of_ours(given.game, given.envs)}
    costs = {name: min(seconds_of(piece) for _ in range(given.repeats)) for name, piece in pieces.items()}
    per_step = NUM_STEPS * given.envs
    print_table(
        [
            {"what": name, "microseconds": round(1e6 * seconds / per_step, 1), "a second": round(per_step / seconds)}
            for name, seconds in costs.items()
        ]
    )


def of_ale(game: str, num_envs: int) -> dict[str, Callable[[], Any]]:
    """Return steps of ALE's vector environment, in one thread."""
    rom = re.sub(r"(?<!^)(?=[A-Z])", "_", game).lower()
    env = ale_py.AtariVectorEnv(rom, num_envs, num_threads=1, repeat_action_probability=0.25)
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(env.single_action_space.n, size=(NUM_STEPS, num_envs))
    return {"ale_py.AtariVectorEnv": lambda: [env.step(action) for action in actions]}


def of_ours(game: str, num_envs: int) -> dict[str, Callable[[], Any]]:
    """Return steps of ours, and their parts."""
    env: Any = vector.make(f"ALE/{game}-v5", reset_pool=8)
    emulator = env.env.game
    pool = env.pool(jax.random.key(0))
    obs, state = env.reset(jax.random.key(1), (num_envs,))
    saved, screens = np.asarray(emulator.start), jnp.zeros((num_envs, *emulator.specs.screen.shape), jnp.uint8)
    resized = jax.jit(jax.vmap(ale_library.resized))
    calls = range(NUM_STEPS * num_envs)

    @jax.jit
    def play(state: Any) -> Any:
        def step(state: Any, key: jax.Array) -> Any:
            keys = jax.random.split(key, num_envs)
            actions = jax.random.randint(key, (num_envs,), 0, env.action_size)
            starts = env.starts(jax.random.split(key, num_envs), pool)
            after = env.step(keys, state, actions, env.fresh(pool, starts))
            return after.state, after.reward

        return jax.lax.scan(step, state, jax.random.split(jax.random.key(2), NUM_STEPS))[1]

    return {
        "ours": lambda: jax.block_until_ready(play(state)),
        "of it, the emulator, restoring and saving": lambda: [emulator.step(saved, np.zeros(4, int)) for _ in calls],
        "of that, restoring and saving": lambda: [emulator._restore(saved) or emulator._saved() for _ in calls],
        "of it, resizing": lambda: [jax.block_until_ready(resized(screens)) for _ in range(NUM_STEPS)],
        **of_ppo(env, obs, num_envs),
    }


def of_ppo(env: vector.VectorEnv, obs: jax.Array, num_envs: int) -> dict[str, Callable[[], Any]]:
    """Return the choice of actions by PPO's networks of the published task, and a whole iteration for as many env steps."""
    algorithm = algorithms.get("ppo")
    settings = {"num_envs": num_envs, "num_steps": NUM_STEPS, "num_epochs": 4, "minibatch_size": 128}
    config = configs.make(algorithm.Config, {**settings, "hidden_size": 512, "num_layers": 1, "activation": "relu"})
    state = algorithm.init(jax.random.key(0), config, env)
    act = jax.jit(lambda state, obs, key: algorithm.act(state, config, env, obs, key, True))
    train = jax.jit(lambda state: algorithm.train(state, config, env, jax.random.key(1), 0, 1)[0].params)
    keys = jax.random.split(jax.random.key(3), NUM_STEPS)
    return {
        "choosing actions by the network": lambda: [jax.block_until_ready(act(state, obs, key)) for key in keys],
        "an iteration of PPO": lambda: jax.block_until_ready(train(state)),
    }


def seconds_of(piece: Callable[[], Any]) -> float:
    """Return the CPU seconds of a piece of work that has been done once before."""
    piece()
    start = time.process_time()
    piece()
    return time.process_time() - start


if __name__ == "__main__":
    main()
