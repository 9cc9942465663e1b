"""Measure how fast a landscape answers: loading, evaluations in a batch, single trials, and sweeps of random search.

.venv/bin/python scripts/bench_table.py [--landscape ppo/CartPole-v1] [--sweeps 100]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import hpo
import landscapes
from hpo.objectives.tabular import Table
from landscapes.dataset import Landscape

TRIALS = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landscape", default="ppo/CartPole-v1")
    parser.add_argument("--sweeps", type=int, default=100)
    args = parser.parse_args()

    seconds = timed(lambda: load(args.landscape))
    print(f"loading with scores and curves: {seconds:.3f} s")
    landscape = load(args.landscape)
    table = Table.on(landscape, landscape.seeds[:1])
    numbers = np.random.default_rng(0).integers(len(landscape.configs), size=1_000_000)
    print(f"evaluations in a batch: {len(numbers) / timed(lambda: table.scores(numbers)):,.0f} per second")
    for mode in ("exact", "table", "surrogate"):
        print(f"trials of --objective {mode}: {trials_per_second(landscape, mode):,.0f} per second")
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        cpu = timed(lambda: run_sweeps(landscape, args.sweeps, hpo.Store(Path(scratch) / "store.sqlite"))) / args.sweeps
        wall = (time.perf_counter() - started) / args.sweeps
    print(
        f"recorded sweeps of {TRIALS} random trials: {1000 * cpu:.0f} CPU s per thousand, {1000 * wall:.0f} s of wall time"
    )


def load(name: str) -> Landscape:
    """Return a landscape whose scores and curves are in memory."""
    landscape = landscapes.load(name)
    landscape.scores()
    landscape.curves()
    return landscape


def trials_per_second(landscape: Landscape, mode: str, count: int = 1000) -> float:
    """Return how many trials are answered in a CPU second: of recorded configs if `exact`, else of random ones."""
    objective = hpo.objective(mode, landscape, landscape.seeds[:1])
    task, recorded = objective.task, landscape.plain_configs
    if mode == "exact":
        configs = [recorded[i % len(recorded)] for i in range(count)]
    else:
        configs = [hpo.spaces.sample(task.space, [0, i]) for i in range(count)]
    trials = [hpo.Trial(i, config, task.fidelity) for i, config in enumerate(configs)]
    objective(trials[:1])  # fits the surrogate
    return count / timed(lambda: objective(trials))


def run_sweeps(landscape: Landscape, count: int, store: hpo.Store) -> None:
    """Record sweeps of random search on a landscape's first seed."""
    for seed in range(count):
        hpo.sweep(
            landscape.task,
            "random",
            trials=TRIALS,
            tuner_seed=seed,
            seeds=landscape.seeds[:1],
            objective="table",
            store=store,
            name=f"random-{seed}",
        )


def timed(action: Callable[[], object]) -> float:
    """Return the CPU seconds that this process spends in an action."""
    started = time.process_time()
    action()
    return time.process_time() - started


if __name__ == "__main__":
    main()
