"""Measure CPU seconds per trial of every registered tuner: 200 trials over 10 hyperparameters.

    python scripts/bench_tuners.py [--trials 200] [--batch 1] [--tuners tpe,smac]

Nothing is trained: a formula answers at once. `longest` is the longest ask, which a sweep waits for.
Tuners of several fidelities are timed over as many trials as the others, most of them at low fidelity; population-based ones
with a tenth of the budget, whose trials are intervals.
"""

import argparse
import time
from collections.abc import Mapping

from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

from arl.errors import InputError
from arl.scalars import Scalar
from hpo import testing, tuners
from hpo.trial import TunerContext

NEEDS_OPTIONS = ("external",)
NUM_INTERVALS = {"pbt": 10, "pb2": 10}


def space() -> ConfigurationSpace:
    """Return a space of seven floats, one of them logarithmic, an integer and two choices."""
    floats = [Float(f"x{i}", (0.0, 1.0)) for i in range(6)]
    choices = [Categorical("activation", ["tanh", "relu"]), Categorical("normalise", [True, False])]
    return ConfigurationSpace(
        space=[*floats, Float("rate", (1e-6, 0.1), log=True), Integer("epochs", (1, 20)), *choices]
    )


def score(config: Mapping[str, Scalar]) -> float:
    """Return a parabola over the floats, with a bonus for relu."""
    squares = [(float(config[f"x{i}"]) - 0.3) ** 2 for i in range(6)]
    return 0.1 * (config["activation"] == "relu") - sum(squares)


def seconds_per_ask(name: str, num_trials: int, batch: int) -> list[tuple[float, int]]:
    """Return CPU seconds and number of trials of every ask, with the tell before it."""
    budget = num_trials / NUM_INTERVALS.get(name, 1)
    context = TunerContext(space=space(), fidelity=100_000, budget=budget, seeds=(0, 1))
    tuner, results, asks, num_asked = tuners.make(name, context, {}), [], [], 0
    while num_asked < num_trials:
        started = time.process_time()
        tuner.tell(results)
        trials = tuner.ask(min(batch, num_trials - num_asked))
        asks.append((time.process_time() - started, len(trials)))
        if not trials:
            break
        num_asked += len(trials)
        results = [testing.result(trial, score(trial.config)) for trial in trials]
    return asks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--tuners", default=",".join(name for name in tuners.names() if name not in NEEDS_OPTIONS))
    args = parser.parse_args()
    print(f"{'tuner':16s} {'trials':>6s} {'s per trial':>12s} {'longest':>9s} {'total':>8s}")
    for name in args.tuners.split(","):
        try:
            asks = seconds_per_ask(name, args.trials, args.batch)
        except InputError as error:
            print(f"{name:16s} {error}")
            continue
        total, num = sum(seconds for seconds, _ in asks), sum(num for _, num in asks)
        longest = max(seconds for seconds, _ in asks)
        print(f"{name:16s} {num:6d} {total / max(num, 1):12.4f} {longest:9.3f} {total:8.2f}", flush=True)


if __name__ == "__main__":
    main()
