"""Random configs of the full spaces: all are accepted or refused with one clear line, and short runs never crash.

    python scripts/fuzz_spaces.py [--configs 10000] [--runs 200] [--env-steps 4000] [--tasks dqn/CartPole-v1 ...]

Every run has a structure of its own, so that nearly all of the time is compilation (5 to 10 CPU s each).
"""

import argparse
import collections
import time

from arl import config as configs
from arl import spaces
from arl.errors import InputError
from hpo import Store, sweeps, tasks
from hpo.trial import Trial

TASKS = ["ppo/CartPole-v1", "ppo/Pendulum-v1", "dqn/CartPole-v1", "sac/Pendulum-v1"]


class Fuzz:
    """A tuner that draws random configs of the space and asks for short runs of them."""

    def __init__(self, space, env_steps: int, runs: int):
        drawn = (spaces.sample(space, [7, i]) for i in range(runs))
        self.trials = iter([Trial(i, config, env_steps) for i, config in enumerate(drawn)])

    def ask(self, n: int) -> list[Trial]:
        return [trial for _, trial in zip(range(n), self.trials, strict=False)]

    def tell(self, results) -> None:
        pass


def check_configs(name: str, count: int) -> None:
    task = tasks.get(name, "full")
    algorithm, env = task.algorithm, task.env
    refused: collections.Counter[str] = collections.Counter()
    started = time.perf_counter()
    task.space.seed(0)
    for drawn in task.space.sample_configuration(count):
        config = spaces.plain(drawn)
        spaces.check(task.space, config)
        try:
            algorithm.check(configs.make(algorithm.Config, {**task.fixed, **config}), env)
        except InputError as error:
            refused[str(error).split(",")[0]] += 1
    seconds = time.perf_counter() - started
    print(
        f"{name}: {count - refused.total()} of {count} accepted in {seconds:.1f} s; refused: {dict(refused)}",
        flush=True,
    )


def run_configs(name: str, runs: int, env_steps: int, store: Store) -> None:
    options = {"env_steps": env_steps, "runs": runs}
    sweep_name = f"fuzz-{name.replace('/', '-')}-{runs}-{env_steps}"
    record = sweeps.sweep(name, Fuzz, trials=runs, space="full", options=options, name=sweep_name, store=store)
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
        run_configs(name, args.runs, args.env_steps, Store(args.store))


if __name__ == "__main__":
    main()
