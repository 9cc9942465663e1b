"""Measure how near PPO's update phase comes to the matrix-product peak of a core, by number of lanes stepped together.

Floating-point operations are those of the matrix products alone (forward, and backward without the gradient of the input).
Peak is that of a 1024 x 1024 product in the same process. Run it on an otherwise idle machine.

    .venv/bin/python scripts/bench_update.py [--lanes 1 2 4 8 16] [--minibatch 256] [--repeats 7]
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from training_lanes import TrainingLanes, seconds_of

from envs import vector

CONFIG = {"num_envs": 8, "num_steps": 32, "num_epochs": 20}  # CartPole's published settings
ROLLOUT = 256
NUM_ROLLOUTS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", type=int, nargs="*", default=[1, 2, 4, 8, 16])
    parser.add_argument("--minibatch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    trainings = {num: training(num, args.minibatch) for num in args.lanes}
    peak_seconds, update_seconds = measure(trainings, args.repeats)
    peak = peak_program()[1] / peak_seconds
    print(f"matrix-product peak of a core: {peak / 1e9:.0f} GFLOP/s")
    for num, seconds in update_seconds.items():
        samples = num_samples(num, args.minibatch)
        speed = flops_per_sample() * samples / seconds
        print(
            f"{num:>3} lanes: {seconds / samples * 1e9:6.0f} ns per sample, {speed / 1e9:5.1f} GFLOP/s, "
            f"{speed / peak:.0%} of peak"
        )


def training(num_lanes: int, minibatch: int) -> TrainingLanes:
    """Return lanes of PPO on CartPole at its published settings."""
    return TrainingLanes("ppo", CONFIG | {"minibatch_size": minibatch}, vector.make("CartPole-v1"), num_lanes)


def num_samples(num_lanes: int, minibatch: int) -> int:
    """Return the samples that updates after `NUM_ROLLOUTS` rollouts go through, all lanes together."""
    size = min(minibatch, ROLLOUT)
    return NUM_ROLLOUTS * CONFIG["num_epochs"] * (ROLLOUT // size * size) * num_lanes


def peak_program() -> tuple[Callable[[], Any], float]:
    """Return a series of matrix products, and its number of floating-point operations."""
    size, count = 1024, 20
    x = jnp.eye(size)
    compiled = jax.jit(lambda x: jax.lax.fori_loop(0, count, lambda _, y: y @ x, x)).lower(x).compile()
    return lambda: compiled(x), 2.0 * size**3 * count


def flops_per_sample() -> float:
    """Return the operations of the matrix products of actor (4-64-64-2) and critic (4-64-64-1), forward and backward."""
    weights = [(4, 64), (64, 64), (64, 2), (4, 64), (64, 64), (64, 1)]
    return sum(2 * a * b * (2 if a == 4 else 3) for a, b in weights)


def measure(trainings: dict[int, TrainingLanes], repeats: int) -> tuple[float, dict[int, float]]:
    """Return the median CPU seconds of the products and of each number of lanes' updates, run in turn on the same machine."""
    products, _ = peak_program()
    peak: list[float] = []
    updates: dict[int, list[float]] = {num: [] for num in trainings}
    for _ in range(repeats + 1):
        peak.append(seconds_of(lambda: jax.block_until_ready(products())))
        for num, lanes in trainings.items():
            updates[num].append(lanes.seconds_by_part(NUM_ROLLOUTS * ROLLOUT, time.process_time)["update"])
    medians = {num: float(np.median(seconds[1:])) for num, seconds in updates.items()}  # the first compiles
    return float(np.median(peak[1:])), medians


if __name__ == "__main__":
    main()
