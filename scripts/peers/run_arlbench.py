"""Measure CPU seconds of ARLBench on the first configs of a list, an AutoRLEnv step for every config.

bench_sweep.py and bench_full.py run it in a virtual environment made from arlbench.txt. The tasks
are as in ARLBench's dataset, with 10 evaluations of 128 episodes and one seed. What a config names
comes before the task's settings; whatever neither names stays at its default.

    ppo/CartPole-v1  8 envs, 32 steps, 20 epochs, 1e5 env steps (which it rounds up to 102,400)
    dqn/CartPole-v1  8 envs, 128 gradient steps after every 32 steps of each, 51,200 env steps
    sac/Pendulum-v1  8 envs, a gradient step after each step of all, 20,000 env steps

Every step compiles the training anew, so compilation is part of what a run costs. Importing
happens once a sweep and is counted apart. `cpu_seconds` is user plus system time of this process,
all threads.

The space of the package refuses batch and minibatch sizes of the dataset, so configs are passed on
unchecked. PPO clips a minibatch to the rollout, as ours does.

SAC counts `learning_starts` in steps of all envs together, ours in env steps: it is divided by
the number of envs, which makes the gradient steps the same. Its target networks follow after env
steps, ours after gradient steps: one is converted to the other.

Hyperparameters that it lacks are ignored: `anneal_steps` of PPO; `n_step`, `noise_correlation`,
`double_q`, `dueling` of DQN; `n_step`, `noise_correlation`, `reward_scale`,
`critic_learning_rate_scale`, `alpha_learning_rate_scale`, `target_entropy_scale` of SAC; and
`num_layers`, as its networks have two hidden layers.

    python run_arlbench.py CONFIGS.json NUM [--task ppo/CartPole-v1] [--env-steps 100000]
"""

import argparse
import functools
import json
import math
import resource
import time
import types
from importlib.metadata import version
from pathlib import Path
from statistics import mean

NUM_EVALS = 10
NUM_ENVS = 8
TASKS = {
    "ppo/CartPole-v1": {
        "env_steps": 100_000,
        "fixed": {
            "n_steps": 32,
            "update_epochs": 20,
            "gamma": 0.99,
            "normalize_observations": False,
        },
    },
    "dqn/CartPole-v1": {
        "env_steps": 51_200,
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
    "num_steps": "n_steps",
    "num_epochs": "update_epochs",
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
    env_steps = args.env_steps or TASKS[args.task]["env_steps"]
    import arlbench.autorl  # noqa: F401  # late, for a mistyped command line should be answered before seconds of imports

    startup = cpu_seconds()
    started = time.perf_counter()
    runs = [run_config(config, args.task, env_steps, args.seed) for config in configs]
    wall = time.perf_counter() - started
    print(json.dumps(report(args.task, env_steps, configs, runs, startup, wall)))


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", type=Path, help="JSON list of configs, under our names")
    parser.add_argument("num", type=positive, help="how many of them to run, from the first")
    parser.add_argument("--task", choices=TASKS, default="ppo/CartPole-v1")
    parser.add_argument("--env-steps", type=positive, help="of a run, by default the task's")
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


def run_config(config, task, env_steps, seed):
    before = cpu_seconds()
    nas = tuple((name, config[name]) for name in ("hidden_size", "activation") if name in config)
    env = make_env(task, env_steps, num_envs(config), nas, seed)
    env.reset()
    # No dict, so that it is not checked against the space.
    _, objectives, *_ = env.step(types.MappingProxyType(to_arlbench(config, task)))
    score = float(objectives["reward_mean"])
    return {"score": score, "cpu_seconds": cpu_seconds() - before}


@functools.cache
def make_env(task, env_steps, num_envs, nas, seed):
    from arlbench.autorl import AutoRLEnv

    algorithm, name = task.split("/")
    return AutoRLEnv(
        {
            "seed": seed,
            "env_framework": "gymnax",
            "env_name": name,
            "n_envs": num_envs,
            "algorithm": algorithm,
            "nas_config": dict(nas),
            "n_steps": 1,
            "n_total_timesteps": env_steps,
            "n_eval_steps": NUM_EVALS,
            "n_eval_episodes": 128,
        }
    )


def num_envs(config):
    return config.get("num_envs", NUM_ENVS)


def to_arlbench(config, task):
    renamed = {THEIR_NAMES.get(name, name): value for name, value in config.items()}
    theirs = {**TASKS[task]["fixed"], **renamed}
    if task.startswith("ppo"):
        return theirs
    theirs = {**INACTIVE, **theirs}
    if task.startswith("sac"):
        theirs["learning_starts"] //= num_envs(config)
        if "target_update_gradient_steps" in config:
            per_gradient_step = iteration_steps(config, task) / theirs["gradient_steps"]
            theirs["target_update_interval"] = math.ceil(config["target_update_gradient_steps"] * per_gradient_step)
    return theirs


def report(task, env_steps, configs, runs, startup, wall):
    total = sum(run["cpu_seconds"] for run in runs)
    return {
        "peer": "arlbench",
        "runs": len(runs),
        "cpu_seconds": round(total, 3),
        "cpu_seconds_per_run": round(total / len(runs), 3),
        "startup_cpu_seconds": round(startup, 3),
        "wall_seconds": round(wall, 3),
        "env_steps_per_run": mean(trained_steps(config, task, env_steps) for config in configs),
        "gradient_steps_per_run": mean(gradient_steps(config, task, env_steps) for config in configs),
        "scores": [finite_or_none(run["score"]) for run in runs],
        "each_cpu_seconds": [round(run["cpu_seconds"], 3) for run in runs],
        "versions": {name: version(name) for name in ("arlbench", "jax")},
    }


def iteration_steps(config, task):
    """Return the env steps from one phase of updates to the next."""
    values = {**TASKS[task]["fixed"], **{THEIR_NAMES.get(name, name): value for name, value in config.items()}}
    return num_envs(config) * values["n_steps" if task.startswith("ppo") else "train_freq"]


def num_iterations(config, task, env_steps):
    return math.ceil(env_steps / NUM_EVALS / iteration_steps(config, task)) * NUM_EVALS


def trained_steps(config, task, env_steps):
    """Return the env steps of a run, which it rounds up so that evaluations are equally many iterations apart."""
    return num_iterations(config, task, env_steps) * iteration_steps(config, task)


def gradient_steps(config, task, env_steps):
    theirs, iteration = to_arlbench(config, task), iteration_steps(config, task)
    iterations = num_iterations(config, task, env_steps)
    if task.startswith("ppo"):
        minibatch = min(theirs["minibatch_size"], iteration)
        return iterations * theirs["update_epochs"] * (iteration // minibatch)
    waiting = config["learning_starts"] // iteration
    return max(iterations - waiting, 0) * theirs["gradient_steps"]


def finite_or_none(score):
    return score if math.isfinite(score) else None


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
