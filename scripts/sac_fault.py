"""Measure which faults of the reference system explain where its SAC landscape differs from ours.

Trains configs of its Pendulum-v1 landscape, evenly spread over the ranks of their scores in that landscape, at the task's
published settings: with our SAC, with a fault of theirs switched on in it, and with several.

- scale: the replay holds actions in the env's units, [-2, 2]; the policy's, which critics judge as well, are in [-1, 1];
- truncation: a truncated episode counts as terminated;
- starts: `learning_starts` counts steps of all 8 envs together, so that above 2,500 nothing is learned in 2e4 env steps.
  The package has this fault, but the landscape was made without it: of its configs above 2,500, some are solved.

Prints a row per config, and the rank correlation of every variant with the reference's means over seeds.

    python scripts/sac_fault.py cc_pendulum_sac.parquet [--configs 8] [--batch-size 256] [--seeds 1]
"""

import argparse
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import jax.numpy as jnp
import numpy as np
import pandas as pd
from compare_reference import read_configs, read_scores

from arl.algorithms import replay, sac
from arl.training import backend
from arl.training.runner import Run, Runner
from hpo import tasks

FAULTS = ("scale", "truncation", "starts")


def main() -> None:
    args = parse_args()
    backend.setup()
    configs = choose(args)
    table = pd.DataFrame({"theirs": read_scores(args.landscape).loc[list(configs)].mean(axis=1)})
    for faults in args.variants:
        name = faults or "ours"
        table[name] = scores(configs, faults.split("+") if faults else [], args.seeds)
        print(f"{name}: correlation with theirs {table.theirs.corr(table[name], method='spearman'):.2f}", flush=True)
    shown = pd.DataFrame(configs).T[["learning_starts", "learning_rate", "tau", "prioritized"]]
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
    """Return configs of the given batch size by id, evenly spread from the best to the worst."""
    configs = read_configs(args.landscape, tasks.get("sac/Pendulum-v1").space)
    ranked = read_scores(args.landscape).dropna().mean(axis=1).sort_values(ascending=False).index
    candidates = [i for i in ranked if configs[i]["batch_size"] == args.batch_size]
    chosen = [candidates[rank] for rank in np.linspace(0, len(candidates) - 1, args.configs).astype(int)]
    return {i: configs[i] for i in chosen}


def scores(configs: dict[int, dict[str, Any]], faults: list[str], num_seeds: int) -> pd.Series:
    """Return final returns by config, means over seeds."""
    task = tasks.get("sac/Pendulum-v1")
    points = (task.fidelity,)
    runs = [
        Run(faulty(task.full(config), faults), seed, points) for config in configs.values() for seed in range(num_seeds)
    ]
    runner = Runner(task.algorithm, task.env, len(configs), num_seeds, task.num_episodes)
    final = np.zeros(len(runs))
    with patched(faults):
        for block in runner.train(runs):
            for i, curve in block:
                final[i] = task.return_range[0] if curve.diverged else curve.return_mean[-1]
    return pd.Series(final.reshape(len(configs), num_seeds).mean(axis=1), index=list(configs))


def faulty(config: sac.SACConfig, faults: list[str]) -> sac.SACConfig:
    """Return a config with which our SAC waits as long as the fault `starts` makes it wait."""
    if "starts" not in faults:
        return config
    later = config.learning_starts * config.num_envs
    return dataclasses.replace(config, learning_starts=later, schedule_steps=config.schedule_steps * config.num_envs)


@contextmanager
def patched(faults: list[str]) -> Iterator[None]:
    """Switch faults on in the functions that programs call while these are compiled."""
    q_taken, add = sac._q_taken, replay.add

    def q_of_scaled(critics: Any, config: Any, env: Any, obs: Any, action: Any) -> Any:
        return q_taken(critics, config, env, obs, env.scaled(action))

    def add_terminated(
        memory: Any, config: Any, env: Any, action: Any, reward: Any, terminated: Any, truncated: Any, *obs: Any
    ) -> Any:
        done = terminated | truncated
        return add(memory, config, env, action, reward, done, jnp.zeros_like(done), *obs)

    patches: dict[str, tuple[Any, str, Callable[..., Any]]] = {
        "scale": (sac, "_q_taken", q_of_scaled),
        "truncation": (replay, "add", add_terminated),
    }
    with ExitStack() as stack:
        for fault in faults:
            if fault in patches:
                stack.enter_context(mock.patch.object(*patches[fault]))
        yield


if __name__ == "__main__":
    main()
