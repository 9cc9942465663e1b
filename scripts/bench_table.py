"""How fast a landscape answers: loading it, evaluations in a batch, single trials, and whole random-search sweeps.

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
from hpo import Store, sweeps
from hpo.objectives.tabular import Table
from hpo.trial import Trial
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
        each = timed(lambda: run_sweeps(landscape, args.sweeps, Store(Path(scratch) / "store.sqlite"))) / args.sweeps
        wall = (time.perf_counter() - started) / args.sweeps
    print(
        f"recorded sweeps of {TRIALS} random trials: {1000 * each:.0f} CPU s per thousand, {1000 * wall:.0f} s of wall time"
    )


def load(name: str) -> Landscape:
    landscape = landscapes.load(name)
    assert isinstance(landscape, Landscape)
    landscape.scores()
    landscape.curves()
    return landscape


def trials_per_second(landscape: Landscape, mode: str, count: int = 1000) -> float:
    """Of configs that are recorded, or drawn from the space."""
    table = hpo.objective(mode, landscape, landscape.seeds[:1])
    draw = (
        (lambda i: landscape.plain_configs[i % len(landscape.configs)])
        if mode == "exact"
        else random_config(table.task.space)
    )
    trials = [Trial(i, draw(i), table.task.fidelity) for i in range(count)]
    table(trials[:1])  # fits the surrogate
    return count / timed(lambda: table(trials))


def random_config(space) -> Callable[[int], dict]:
    return lambda i: hpo.spaces.sample(space, [0, i])


def run_sweeps(landscape: Landscape, count: int, store: Store) -> None:
    for seed in range(count):
        sweeps.sweep(
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
    """CPU seconds of this process."""
    started = time.process_time()
    action()
    return time.process_time() - started


if __name__ == "__main__":
    main()
