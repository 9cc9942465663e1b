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

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from arl import algorithms  # noqa: E402
from arl import config as configs  # noqa: E402
from arl.algorithms import metrics, ppo  # noqa: E402
from arl.algorithms.on_policy import Learner, Walk  # noqa: E402
from arl.training import backend  # noqa: E402
from envs import vector  # noqa: E402

NUM_ROLLOUTS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", type=int, nargs="*", default=[1, 2, 4, 8, 16])
    parser.add_argument("--minibatch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    backend.setup()
    programs = {f"{lanes} lanes": update_program(lanes, args.minibatch) for lanes in args.lanes}
    seconds = measure({"peak": peak_program()[0], **{name: run for name, (run, _) in programs.items()}}, args.repeats)
    peak = peak_program()[1] / seconds["peak"]
    print(f"matrix-product peak of a core: {peak / 1e9:.0f} GFLOP/s")
    flops = flops_per_sample()
    for name, (_, samples) in programs.items():
        per_sample = seconds[name] / samples
        speed = flops / per_sample
        print(
            f"{name:>9}: {per_sample * 1e9:6.0f} ns per sample, {speed / 1e9:5.1f} GFLOP/s, {speed / peak:.0%} of peak"
        )


def update_program(lanes: int, minibatch: int) -> tuple[Callable[[], Any], int]:
    """Return the update phase of `lanes` lanes at CartPole's published settings, and how many samples it goes through."""
    env, algorithm, key = vector.make("CartPole-v1"), algorithms.get("ppo"), jax.random.key(0)
    config = configs.make(algorithm.Config, {"num_steps": 32, "num_epochs": 20, "minibatch_size": minibatch})
    stacked = jax.tree.map(lambda x: x[0] if x.ndim else x, configs.stack([[config] * lanes]))
    axes = configs.lane_axes(stacked)

    def prepare(config: Any) -> Any:
        state = ppo.init(key, config, env)
        walk = Walk(state.env_state, state.obs, state.normalizer, metrics.init(ppo.METRICS))
        walk, samples = ppo._experience(walk, state.params, config, env, key, 0)
        return Learner(state.params, state.opt_state, walk.totals), samples

    def update(learner: Learner, samples: Any, config: Any) -> Any:
        def rollout(i: Any, learner: Learner) -> Learner:
            return ppo._update(learner, samples, config, env, key, i, 256)

        return jax.lax.fori_loop(0, NUM_ROLLOUTS, rollout, learner)

    learner, samples = jax.jit(jax.vmap(prepare, in_axes=(axes,)))(stacked)
    jitted = jax.jit(jax.vmap(update, in_axes=(0, 0, axes)), compiler_options=backend.compiler_options())
    compiled = jitted.lower(learner, samples, stacked).compile()
    return lambda: compiled(learner, samples, stacked), NUM_ROLLOUTS * 20 * 256 * lanes


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


def measure(programs: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return the median CPU seconds of every program, run in turn so that all meet the same machine."""
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats + 1):
        for name, run in programs.items():
            started = time.process_time()
            jax.block_until_ready(run())
            taken[name].append(time.process_time() - started)
    return {name: float(np.median(times[1:])) for name, times in taken.items()}


if __name__ == "__main__":
    main()
