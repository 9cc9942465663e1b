"""Where and why the reference system's SAC landscape differs from ours: its faults switched on in ours, one by one.

Trains configs of its Pendulum-v1 landscape, evenly spread over the ranks of their scores there, at the task's published
settings: as ours is, with one fault each, and with several together.

- scale: the replay holds actions in the env's units, [-2, 2]; the policy's own, which critics judge too, are in [-1, 1];
- truncation: an episode that was only cut off counts as ended;
- starts: `learning_starts` counts steps of all 8 envs together, so that above 2,500 nothing is learned in 2e4 env steps.
  The package has this fault, but the landscape was made without it: of its configs above 2,500, some are solved.

Printed: a row per config, and each column's rank correlation with the reference's means over seeds.

    python scripts/sac_fault.py cc_pendulum_sac.parquet [--configs 8] [--batch-size 256] [--seeds 1]
"""

import argparse
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from compare_reference import read_configs, read_scores

from arl import algorithms
from arl import config as configs
from arl.algorithms import replay, sac
from arl.training import backend
from arl.training.runner import Run, Runner
from hpo import tasks

FAULTS = ("scale", "truncation", "starts")


def main() -> None:
    args = parse_args()
    backend.setup()
    chosen = choose(args)
    table = pd.DataFrame({"theirs": read_scores(args.landscape).loc[list(chosen)].mean(axis=1)})
    for faults in args.variants:
        name = faults or "ours"
        table[name] = scores(chosen, faults.split("+") if faults else [], args.seeds)
        print(f"{name}: correlation with theirs {table.theirs.corr(table[name], method='spearman'):.2f}", flush=True)
    shown = pd.DataFrame(chosen).T[["learning_starts", "learning_rate", "tau", "prioritized"]]
    print(table.round(0).join(shown).sort_values("learning_starts").to_string())


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("landscape", type=Path)
    parser.add_argument("--configs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=256, help="of the configs; the larger ones cost more")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--variants", nargs="*", default=["", *FAULTS, "scale+truncation"])
    return parser.parse_args()


def choose(args: argparse.Namespace) -> dict[int, dict[str, Any]]:
    """Configs of one batch size by id, evenly spread from the best to the worst."""
    known = read_configs(args.landscape, tasks.get("sac/Pendulum-v1").space)
    ranked = read_scores(args.landscape).dropna().mean(axis=1).sort_values(ascending=False).index
    alike = [i for i in ranked if known[i]["batch_size"] == args.batch_size]
    return {alike[k]: known[alike[k]] for k in np.linspace(0, len(alike) - 1, args.configs).astype(int)}


def scores(chosen: dict[int, dict[str, Any]], faults: list[str], num_seeds: int) -> pd.Series:
    """Final returns by config, means over seeds."""
    task, algorithm = tasks.get("sac/Pendulum-v1"), algorithms.get("sac")
    points = (task.fidelity,)
    runs = [
        Run(faulty(configs.make(algorithm.Config, {**task.fixed, **config}), faults), seed, points)
        for config in chosen.values()
        for seed in range(num_seeds)
    ]
    runner = Runner(algorithm, task.env, len(chosen), num_seeds, task.num_episodes)
    final = np.zeros(len(runs))
    with patched(faults):
        for block in runner.train(runs):
            for i, curve in block:
                final[i] = task.return_range[0] if curve.diverged else curve.return_mean[-1]
    return pd.Series(final.reshape(len(chosen), num_seeds).mean(axis=1), index=list(chosen))


def faulty(config: Any, faults: list[str]) -> Any:
    if "starts" not in faults:
        return config
    later = config.learning_starts * config.num_envs
    return dataclasses.replace(config, learning_starts=later, schedule_steps=config.schedule_steps * config.num_envs)


@contextmanager
def patched(faults: list[str]) -> Iterator[None]:
    """While programs are made: what they call has the faults."""
    q_taken, add = sac._q_taken, replay.add

    def of_scaled(critics: Any, config: Any, env: Any, obs: Any, action: Any) -> Any:
        return q_taken(critics, config, env, obs, env.scaled(action))

    def ended(memory: Any, config: Any, *step: Any) -> Any:
        *rest, _, done = step
        return add(memory, config, *rest, done, done)

    faults_in: dict[str, tuple[Any, str, Callable[..., Any]]] = {
        "scale": (sac, "_q_taken", of_scaled),
        "truncation": (replay, "add", ended),
    }
    with ExitStack() as stack:
        for fault in faults:
            if fault in faults_in:
                stack.enter_context(mock.patch.object(*faults_in[fault]))
        yield


if __name__ == "__main__":
    main()
