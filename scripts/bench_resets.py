"""Measure what training costs on an env whose reset is dear, beside the same env with a free reset.

The env is a walk over a map of heights, in episodes of 500 steps. A dear reset draws noise and smooths it to a map of its
own, the work of about 100 steps (the table says how many); a free reset takes a map that was made beforehand. The dear one
is trained with start states from pools of several sizes (`reset_pool`, see docs/environments.md) and with each start state
computed afresh. The free one has a pool, too, so that nothing but the work of a reset differs.

All are trained in turn in one process on one core; each repeat gives a ratio of CPU seconds to the free reset's. The table
has their geometric mean and its 95 % interval. Compilation and evaluation are left out.

    .venv/bin/python scripts/bench_resets.py [--algorithms ppo dqn] [--lanes 1 4] [--pools 64 8] [--repeats 15] [--core 0]
"""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from bench_full import geometric_mean
from flax import struct
from gymnax.environments import environment, spaces
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray
from peers.run_arlbench import positive
from training_lanes import TrainingLanes, seconds_of

from arl.text import plural
from arl.training import provenance
from envs import vector
from envs.vector import VectorEnv
from hpo.cli.printing import print_table

CONFIGS: dict[str, dict[str, Any]] = {
    "ppo": {"num_envs": 8, "num_steps": 128, "num_epochs": 4, "minibatch_size": 256},
    "dqn": {"num_envs": 8, "train_freq": 4, "gradient_steps": 4, "buffer_size": 10_000, "max_buffer_size": 10_000},
}
SIZE, SIGHT = 64, 5  # of the map, and of the part that is observed
NUM_SMOOTHINGS = 32
NUM_TIMED = 1_000  # steps or resets from which their cost is measured


@struct.dataclass
class WalkState:
    """The map, and where the walker is on it."""

    heights: Float[Array, "row column"]
    place: Int[Array, "2"]
    time: Int[Array, ""]


class Walk(environment.Environment):
    """A walk over a map of heights; the reward of a step is the height that it leads to.

    Args:
        dear: whether a reset makes a map of its own instead of taking one that is always the same.
    """

    return_range = (0.0, 500.0)

    def __init__(self, dear: bool = True):
        self.dear, self.heights = dear, smooth_map(jax.random.key(0))

    @property
    def default_params(self) -> environment.EnvParams:
        return environment.EnvParams(max_steps_in_episode=500)

    def reset_env(self, key: PRNGKeyArray, params: environment.EnvParams) -> tuple[Array, WalkState]:
        key_map, key_place = jax.random.split(key)
        heights = smooth_map(key_map) if self.dear else self.heights
        state = WalkState(heights, jax.random.randint(key_place, (2,), 0, SIZE), jnp.zeros((), jnp.int32))
        return self.get_obs(state), state

    def step_env(
        self, key: PRNGKeyArray, state: WalkState, action: Array, params: environment.EnvParams
    ) -> tuple[Array, WalkState, Array, Bool[Array, ""], dict[str, Any]]:
        move = jnp.array([[0, 1], [1, 0], [0, -1], [-1, 0]])[action]
        state = state.replace(place=jnp.clip(state.place + move, 0, SIZE - 1), time=state.time + 1)
        obs = self.get_obs(state)
        return obs, state, state.heights[state.place[0], state.place[1]], jnp.zeros((), bool), {}

    def get_obs(self, state: WalkState, params: Any = None, key: Any = None) -> Float[Array, " cell"]:
        """Return the heights around the walker."""
        first = jnp.clip(state.place - SIGHT // 2, 0, SIZE - SIGHT)
        return jax.lax.dynamic_slice(state.heights, first, (SIGHT, SIGHT)).ravel()

    def action_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(4)


def smooth_map(key: PRNGKeyArray) -> Float[Array, "row column"]:
    """Return noise from 0 to 1 in which every cell was replaced, time and again, by the mean of it and its neighbours."""

    def smooth(i: Array, heights: Array) -> Array:
        neighbours = [jnp.roll(heights, shift, axis) for axis in (0, 1) for shift in (1, -1)]
        return (heights + sum(neighbours)) / 5.0

    return jax.lax.fori_loop(0, NUM_SMOOTHINGS, smooth, jax.random.uniform(key, (SIZE, SIZE)))


def main() -> None:
    args = parse_args()
    os.sched_setaffinity(0, {args.core})
    envs = {
        "free reset": env(dear=False, reset_pool=args.pools[0]),
        **{f"dear reset, pool of {size}": env(reset_pool=size) for size in args.pools},
        "dear reset, no pool": env(reset_pool=0),
    }
    steps = reset_steps(envs["dear reset, no pool"])
    rows = [row for name in args.algorithms for lanes in args.lanes for row in compared(name, lanes, envs, args)]
    print(f"a dear reset is the work of {steps:.0f} steps; CPU seconds of {args.env_steps:,} env steps per lane")
    print_table(rows)
    if args.json:
        document = {"made_with": provenance.versions(), "reset_steps": steps, "table": rows}
        args.json.write_text(json.dumps(document, indent=1) + "\n")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithms", nargs="+", choices=CONFIGS, default=list(CONFIGS))
    parser.add_argument("--lanes", type=positive, nargs="+", default=[1, 4])
    parser.add_argument("--env-steps", type=positive, default=16_384, help="of a lane, in every repeat")
    pools = [vector.DEFAULT_POOL, 8]
    parser.add_argument("--pools", type=positive, nargs="+", default=pools, help="numbers of start states in a pool")
    parser.add_argument("--repeats", type=positive, default=15)
    parser.add_argument("--core", type=int, default=0, help="the core that everything runs on")
    parser.add_argument("--json", type=Path, help="file for the table")
    return parser.parse_args()


def env(**arguments: Any) -> VectorEnv:
    """Return the env of this script with some arguments."""
    return vector.make(f"{Path(__file__).resolve()}:Walk", **arguments)


def compared(
    algorithm: str, num_lanes: int, envs: dict[str, VectorEnv], args: argparse.Namespace
) -> list[dict[str, Any]]:
    """Return a row per env: the CPU seconds of training, and their ratio to those on the first env."""
    trainings = {name: TrainingLanes(algorithm, CONFIGS[algorithm], env, num_lanes) for name, env in envs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in envs}
    for _ in range(args.repeats + 1):
        for name, training in trainings.items():
            seconds[name].append(seconds_of(lambda training=training: training.train(args.env_steps)))
    measured = {name: times[1:] for name, times in seconds.items()}  # the first compiles
    free = next(iter(measured.values()))
    return [row(algorithm, num_lanes, name, times, free) for name, times in measured.items()]


def row(algorithm: str, num_lanes: int, name: str, times: list[float], free: list[float]) -> dict[str, Any]:
    """Return the row of an env from its CPU seconds and those of the free reset, one of every repeat."""
    ratio, low, high = geometric_mean([time / other for time, other in zip(times, free, strict=True)])
    mean = sum(times) / len(times)
    return {"training": f"{algorithm}, {plural(num_lanes, 'lane')}", "env": name, "cpu": mean} | {
        "ratio": ratio,
        "low": low,
        "high": high,
    }


def reset_steps(env: VectorEnv) -> float:
    """Return how many steps of an env cost as much as a reset."""
    obs, state = env.reset(jax.random.key(0), (1,))

    def reset(i: Array, carry: Any) -> Any:
        return env.reset(jax.random.key(i), (1,))

    def step(i: Array, carry: Any) -> Any:
        after = env.step(jax.random.key(i)[None], carry[1], env.some_action()[None], (obs, state))
        return after.obs, after.state

    reset_seconds, step_seconds = (looped_seconds(body, (obs, state)) for body in (reset, step))
    return reset_seconds / step_seconds


def looped_seconds(body: Callable[[Array, Any], Any], carry: Any) -> float:
    """Return the CPU seconds of a loop of `NUM_TIMED` turns."""
    run = jax.jit(lambda carry: jax.lax.fori_loop(0, NUM_TIMED, body, carry))
    jax.block_until_ready(run(carry))
    return seconds_of(lambda: jax.block_until_ready(run(carry)))


if __name__ == "__main__":
    main()
