"""Measure what going on from agents saves, and what the intervals of a population cost.

First come the same brackets of successive halving, with agents that go on from rung to rung and with agents trained anew:
env steps that were really trained, and seconds of training. For K + 1 rungs a bracket costs (1 + K (1 - 1 / eta)) / (K + 1)
of what it costs anew, up to rounding: 3/4 for eta 3 and four rungs, and never less than 1 - 1 / eta.

Then comes PBT beside random search with as many full runs: seconds of the sweep besides training and compilation, and how
much longer training takes because it stops after every interval.

    .venv/bin/python scripts/bench_multifidelity.py [--task ppo/CartPole-v1] [--fidelity 100000] [--configs 27]
        [--population 16] [--intervals 10] [--seeds 1] [--etas 2 3]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import hpo
from arl.records.sweep import SweepRecord


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="ppo/CartPole-v1")
    parser.add_argument("--fidelity", type=int)
    parser.add_argument("--configs", type=int, default=27)
    parser.add_argument("--etas", type=float, nargs="*", default=[2, 3])
    parser.add_argument("--population", type=int, default=16)
    parser.add_argument("--intervals", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        settings = {"fidelity": args.fidelity, "seeds": args.seeds, "store": Path(directory) / "store.sqlite"}
        for eta in args.etas:
            report_bracket(args.task, args.configs, eta, settings)
        report_population(args.task, args.population, args.intervals, settings)


def report_bracket(task: str, num_configs: int, eta: float, settings: dict[str, Any]) -> None:
    """Run the same bracket with continued agents and with agents trained anew, and print what both cost."""
    options = {"eta": eta, "num_configs": num_configs}
    continued, anew = (
        hpo.sweep(
            task,
            "successive_halving",
            name=f"bracket-{eta:g}-{kind}",
            budget=10.0 * num_configs,
            batch=num_configs,
            options={**options, "continued": kind == "continued"},
            **settings,
        )
        for kind in ("continued", "anew")
    )
    sizes = continued.trials.groupby("fidelity").size()
    rungs = ", ".join(f"{size} to {fidelity:,}" for fidelity, size in sizes.items())
    print(f"bracket, eta {eta:g}: {rungs} env steps")
    for name, record in (("continued", continued), ("trained anew", anew)):
        print(
            f"{name:>14}: {record.trials.env_steps.sum():>12,} env steps, {record.timing['train']:7.2f} s of training"
        )
    print(f"{'share':>14}: {continued.trials.env_steps.sum() / anew.trials.env_steps.sum():>12.1%}")


def report_population(task: str, population: int, num_intervals: int, settings: dict[str, Any]) -> None:
    """Run PBT and random search with the same batch and budget, and print what both cost.

    Both run once before they are timed, so that all programs are in the cache.
    """
    options = {"population": population, "num_intervals": num_intervals}
    for turn in ("first", "timed"):
        random, pbt = (
            hpo.sweep(
                task,
                tuner,
                name=f"{tuner}-{turn}",
                budget=population,
                batch=population,
                options=tuner_options,
                **settings,
            )
            for tuner, tuner_options in (("random", {}), ("pbt", options))
        )
    print(f"population of {population}, {pbt.trials.fidelity.nunique()} intervals:")
    for name, record in (("random", random), ("pbt", pbt)):
        print(
            f"{name:>14}: {record.timing['train']:7.2f} s of training, {overhead(record):6.2f} s besides "
            f"({overhead(record) / record.timing['train']:.1%}), of these tuner {record.timing['tuner']:.2f} s"
        )


def overhead(record: SweepRecord) -> float:
    """Return a sweep's seconds besides training and compilation: tuner, store, gathering agents, waiting for workers."""
    timing = record.timing
    return timing["total"] - timing["train"] - timing["compile"]


if __name__ == "__main__":
    main()
