"""Measure how often the intervals of a comparison hold the true score: nominally in 95 of 100 comparisons.

Scores of a task and repeat are drawn from a normal distribution, and from an exponential one with the long tail below, as
where some repeats fail. Printed are the shares of comparisons whose interval holds the expectation of `mean_iqm`: of the
bootstrap, and of the difference of two tuners by Yuen's test.

    python scripts/interval_coverage.py [--comparisons 1000]
"""

import argparse
from collections.abc import Callable

import numpy as np

from arl import statistics

NUM_TASKS, NUM_REPEATS = (1, 3, 10), (3, 5, 10, 20)
NUM_TRUTH = 100_000  # draws that the expectation is taken from

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
DRAWS: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "long tail": lambda rng, shape: -rng.exponential(size=shape),
}


def coverage(draw: Draw, num_tasks: int, num_repeats: int, num: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the shares of comparisons whose interval of a score, and of a difference, holds the truth."""
    truth = float(statistics.iqm(draw(rng, (NUM_TRUTH, num_repeats))).mean())
    of_scores = of_differences = 0
    for _ in range(num):
        scores, others = (draw(rng, (num_tasks, num_repeats)) for _ in range(2))
        low, high = statistics.bootstrap(scores, seed=int(rng.integers(2**32)))
        difference = statistics.difference(scores, others)
        of_scores += low <= truth <= high
        of_differences += difference.low <= 0 <= difference.high
    return of_scores / num, of_differences / num


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=1000)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    print(f"{'scores':10s} {'tasks':>5s} {'repeats':>7s} {'score':>6s} {'difference':>10s}")
    for name, draw in DRAWS.items():
        for num_tasks in NUM_TASKS:
            for num_repeats in NUM_REPEATS:
                scores, differences = coverage(draw, num_tasks, num_repeats, args.comparisons, rng)
                print(f"{name:10s} {num_tasks:5d} {num_repeats:7d} {scores:6.2f} {differences:10.2f}", flush=True)


if __name__ == "__main__":
    main()
