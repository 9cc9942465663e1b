"""Check random configs of the full spaces: they are accepted or refused by an InputError, and short runs never crash.

    .venv/bin/python scripts/fuzz_spaces.py [--configs 10000] [--runs 200] [--env-steps 4000] [--tasks dqn/CartPole-v1 ...]

Nearly every run has another structure, so that nearly all of the time is compilation (5 to 10 CPU s each).
"""

import argparse
import collections
import itertools
import time

from ConfigSpace import ConfigurationSpace

import hpo
from arl import spaces
from arl.errors import InputError
from hpo import tasks

TASKS = ["ppo/CartPole-v1", "ppo/Pendulum-v1", "dqn/CartPole-v1", "sac/Pendulum-v1", "pqn/CartPole-v1"]


class Fuzz:
    """A tuner that draws random configs of the space and asks for short runs of them."""

    def __init__(self, space: ConfigurationSpace, env_steps: int, runs: int):
        configs = (spaces.sample(space, [7, i]) for i in range(runs))
        self.trials = iter([hpo.Trial(i, config, env_steps) for i, config in enumerate(configs)])

    def ask(self, n: int) -> list[hpo.Trial]:
        """Return the next trials."""
        return list(itertools.islice(self.trials, n))

    def tell(self, results: list[hpo.Result]) -> None:
        """Learn nothing."""


def check_configs(name: str, count: int) -> None:
    """Print how many random configs of a task are accepted, and why the others are refused."""
    task = tasks.get(name, "full")
    refused: collections.Counter[str] = collections.Counter()
    started = time.perf_counter()
    task.space.seed(0)
    for sampled in task.space.sample_configuration(count):
        config = spaces.plain(sampled)
        spaces.check(task.space, config)
        try:
            task.algorithm.check(task.full(config), task.env)
        except InputError as error:
            refused[str(error).split(",")[0]] += 1
    seconds = time.perf_counter() - started
    print(
        f"{name}: {count - refused.total()} of {count} accepted in {seconds:.1f} s; refused: {dict(refused)}",
        flush=True,
    )


def run_configs(name: str, runs: int, env_steps: int, store: hpo.Store) -> None:
    """Train short runs of random configs of a task, and print how many of them end in which status."""
    options = {"env_steps": env_steps, "runs": runs}
    sweep_name = f"fuzz-{name.replace('/', '-')}-{runs}-{env_steps}"
    record = hpo.sweep(name, Fuzz, trials=runs, space="full", options=options, name=sweep_name, store=store)
    print(f"{name}: {runs} runs of {env_steps} env steps: {record.trials.status.value_counts().to_dict()}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--env-steps", type=int, default=4_000)
    parser.add_argument("--tasks", nargs="*", default=TASKS)
    parser.add_argument("--store", default="results/fuzz.sqlite")
    args = parser.parse_args()
    for name in args.tasks:
        check_configs(name, args.configs)
    for name in args.tasks if args.runs else ():
        run_configs(name, args.runs, args.env_steps, hpo.Store(args.store))


if __name__ == "__main__":
    main()
