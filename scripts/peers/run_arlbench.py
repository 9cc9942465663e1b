"""Measure CPU seconds of ARLBench on the first configs of a list, an AutoRLEnv step for every config.

bench_sweep.py runs it in a virtual environment made from arlbench.txt. The tasks are as in
ARLBench's dataset, with 10 evaluations of 128 episodes and one seed. Whatever a config does not
name stays at its default.

    ppo/CartPole-v1  8 envs, 32 steps, 20 epochs, 1e5 env steps (which it rounds up to 102,400)
    dqn/CartPole-v1  8 envs, 128 gradient steps after every 32 steps of each, 51,200 env steps
    sac/Pendulum-v1  8 envs, a gradient step after each step of all, 20,000 env steps

Every step compiles the training anew, so compilation is part of what a run costs. Importing and
building the environment happen once a sweep and are counted apart. `cpu_seconds` is user plus
system time of this process, all threads.

Minibatches of PPO: the space of the package allows 16, 32, 64, 128 and 2048, and refuses the 256
and 512 of the dataset. PPO clips a minibatch to the rollout, so a request of 256 or more is passed
on as 2048 and trains on the whole rollout of 256 at once, as a request of 512 would. For DQN and
SAC the space refuses the dataset's batch sizes too; there the config is passed on unchecked.

SAC counts `learning_starts` in steps of all envs together, ours in env steps: it is divided by
the number of envs, which makes the gradient steps the same. `reward_scale` is ignored there.

    python run_arlbench.py CONFIGS.json NUM [--task ppo/CartPole-v1]
"""

import argparse
import json
import math
import resource
import time
import types
from importlib.metadata import version
from pathlib import Path

NUM_EVALS = 10
NUM_ENVS = 8
OVERSIZED_MINIBATCH = 2048
TASKS = {
    "ppo/CartPole-v1": {
        "env_steps": 100_000,
        "iteration": NUM_ENVS * 32,
        "fixed": {
            "n_steps": 32,
            "update_epochs": 20,
            "gamma": 0.99,
            "normalize_observations": False,
        },
    },
    "dqn/CartPole-v1": {
        "env_steps": 51_200,
        "iteration": NUM_ENVS * 32,
        "fixed": {
            "train_freq": 32,
            "gradient_steps": 128,
            "gamma": 0.99,
            "tau": 1.0,
            "exploration_fraction": 0.1,
            "normalize_observations": False,
        },
    },
    "sac/Pendulum-v1": {
        "env_steps": 20_000,
        "iteration": NUM_ENVS,
        "fixed": {
            "train_freq": 1,
            "gradient_steps": 1,
            "gamma": 0.99,
            "tau": 1.0,
            "target_update_interval": 1,
            "alpha": 1.0,
            "alpha_auto": True,
            "normalize_observations": False,
        },
    },
}
# Their names of hyperparameters where ours differ.
THEIR_NAMES = {
    "batch_size": "buffer_batch_size",
    "prioritized": "buffer_prio_sampling",
    "priority_alpha": "buffer_alpha",
    "priority_beta": "buffer_beta",
    "priority_epsilon": "buffer_epsilon",
    "final_epsilon": "target_epsilon",
}
# Hyperparameters that a config leaves out because another hyperparameter switches it off.
INACTIVE = {
    "buffer_alpha": 0.9,
    "buffer_beta": 0.9,
    "buffer_epsilon": 1e-3,
    "target_update_interval": 10,
}


def main():
    args = parse_args()
    configs = read_configs(args.configs, args.num)
    env = make_env(args.task, args.seed)
    startup = cpu_seconds()
    started = time.perf_counter()
    runs = [run_config(env, to_arlbench(config, args.task)) for config in configs]
    wall = time.perf_counter() - started
    print(json.dumps(report(args.task, configs, runs, startup, wall)))


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", type=Path, help="JSON list of configs, under our names")
    parser.add_argument("num", type=positive, help="how many of them to run, from the first")
    parser.add_argument("--task", choices=TASKS, default="ppo/CartPole-v1")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def read_configs(path, num):
    configs = json.loads(path.read_text(encoding="utf-8"))
    if len(configs) < num:
        raise SystemExit(f"{path} has {len(configs)} configs, {num} asked for")
    return configs[:num]


def make_env(task, seed):
    # Imported late, for a mistyped command line should be answered before seconds of imports.
    from arlbench.autorl import AutoRLEnv

    algorithm, name = task.split("/")
    return AutoRLEnv(
        {
            "seed": seed,
            "env_framework": "gymnax",
            "env_name": name,
            "n_envs": NUM_ENVS,
            "algorithm": algorithm,
            "n_steps": 1,
            "n_total_timesteps": TASKS[task]["env_steps"],
            "n_eval_steps": NUM_EVALS,
            "n_eval_episodes": 128,
        }
    )


def run_config(env, config):
    before = cpu_seconds()
    env.reset()
    _, objectives, *_ = env.step(config)
    score = float(objectives["reward_mean"])
    return {"score": score, "cpu_seconds": cpu_seconds() - before}


def to_arlbench(config, task):
    renamed = {THEIR_NAMES.get(name, name): value for name, value in config.items()}
    if task.startswith("ppo"):
        rollout = TASKS[task]["iteration"]
        minibatch = renamed["minibatch_size"]
        oversized = {"minibatch_size": OVERSIZED_MINIBATCH if minibatch >= rollout else minibatch}
        return {**TASKS[task]["fixed"], **renamed, **oversized}
    config = {**INACTIVE, **TASKS[task]["fixed"], **renamed}
    if task.startswith("sac"):
        config["learning_starts"] //= NUM_ENVS
    return types.MappingProxyType(config)  # no dict, so that it is not checked against the space


def report(task, configs, runs, startup, wall):
    total = sum(run["cpu_seconds"] for run in runs)
    return {
        "peer": "arlbench",
        "runs": len(runs),
        "cpu_seconds": round(total, 3),
        "cpu_seconds_per_run": round(total / len(runs), 3),
        "startup_cpu_seconds": round(startup, 3),
        "wall_seconds": round(wall, 3),
        "env_steps_per_run": num_iterations(task) * TASKS[task]["iteration"],
        "gradient_steps_per_run": sum(gradient_steps(task, c) for c in configs) / len(configs),
        "scores": [finite_or_none(run["score"]) for run in runs],
        "each_cpu_seconds": [round(run["cpu_seconds"], 3) for run in runs],
        "versions": {name: version(name) for name in ("arlbench", "jax")},
    }


def num_iterations(task):
    return math.ceil(TASKS[task]["env_steps"] / NUM_EVALS / TASKS[task]["iteration"]) * NUM_EVALS


def gradient_steps(task, config):
    fixed, iteration = TASKS[task]["fixed"], TASKS[task]["iteration"]
    if task.startswith("ppo"):
        minibatch = min(config["minibatch_size"], iteration)
        return num_iterations(task) * fixed["update_epochs"] * (iteration // minibatch)
    waiting = config["learning_starts"] // iteration
    return max(num_iterations(task) - waiting, 0) * fixed["gradient_steps"]


def finite_or_none(score):
    return score if math.isfinite(score) else None


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
