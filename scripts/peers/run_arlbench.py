"""CPU seconds of ARLBench on the first configs of a list, one AutoRLEnv step each.

It is one of the peers that the sweep benchmark sets beside ours, and runs in an environment of
its own, made from arlbench.txt. The task is CartPole-v1 under PPO as in ARLBench's dataset: 8
environments, 32 steps a rollout, 20 epochs, 1e5 env steps (which it rounds up to 102,400), 10
evaluations of 128 episodes, one seed. Whatever a config does not name stays at its default.

Every step compiles the training anew, so compilation is part of what a run costs. Importing and
building the environment happen once a sweep and are counted apart. `cpu_seconds` is user plus
system time of this process, all threads.

Minibatches: the space of the package allows 16, 32, 64, 128 and 2048, and refuses the 256 and 512
of the dataset. PPO clips a minibatch to the rollout, so a request of 256 or more is passed on as
2048 and trains on the whole rollout of 256 at once, as a request of 512 would.

    python run_arlbench.py CONFIGS.json NUM
"""

import argparse
import json
import math
import resource
import time
from importlib.metadata import version
from pathlib import Path

FLOATS = (
    "learning_rate",
    "gae_lambda",
    "clip_eps",
    "vf_clip_eps",
    "ent_coef",
    "vf_coef",
    "max_grad_norm",
)
NAMES = {*FLOATS, "minibatch_size", "normalize_advantage"}
ENV_STEPS = 100_000
NUM_EVALS = 10
NUM_ENVS = 8
NUM_STEPS = 32
ROLLOUT = NUM_ENVS * NUM_STEPS
OVERSIZED_MINIBATCH = 2048
FIXED = {
    "n_steps": NUM_STEPS,
    "update_epochs": 20,
    "gamma": 0.99,
    "normalize_observations": False,
}


def main():
    args = parse_args()
    configs = read_configs(args.configs, args.num)
    env = make_env(args.seed)
    startup = cpu_seconds()
    started = time.perf_counter()
    runs = [run_config(env, config) for config in configs]
    wall = time.perf_counter() - started
    print(json.dumps(report(runs, startup, wall)))


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", type=Path, help="JSON list of PPO configs")
    parser.add_argument("num", type=positive, help="how many of them to run, from the first")
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
    for index, config in enumerate(configs[:num]):
        if set(config) != NAMES:
            odd = ", ".join(sorted(set(config) ^ NAMES))
            raise SystemExit(f"config {index} has missing or unknown names: {odd}")
    return configs[:num]


def make_env(seed):
    # Imported late, for a mistyped command line should be answered before seconds of imports.
    from arlbench.autorl import AutoRLEnv

    return AutoRLEnv(
        {
            "seed": seed,
            "env_framework": "gymnax",
            "env_name": "CartPole-v1",
            "n_envs": NUM_ENVS,
            "algorithm": "ppo",
            "n_steps": 1,
            "n_total_timesteps": ENV_STEPS,
            "n_eval_steps": NUM_EVALS,
            "n_eval_episodes": 128,
        }
    )


def run_config(env, config):
    before = cpu_seconds()
    env.reset()
    _, objectives, *_ = env.step(to_arlbench(config))
    score = float(objectives["reward_mean"])
    return {"score": score, "cpu_seconds": cpu_seconds() - before}


def to_arlbench(config):
    floats = {name: float(config[name]) for name in FLOATS}
    minibatch = int(config["minibatch_size"])
    return {
        **FIXED,
        **floats,
        "minibatch_size": OVERSIZED_MINIBATCH if minibatch >= ROLLOUT else minibatch,
        "normalize_advantage": bool(config["normalize_advantage"]),
    }


def report(runs, startup, wall):
    total = sum(run["cpu_seconds"] for run in runs)
    return {
        "peer": "arlbench",
        "runs": len(runs),
        "cpu_seconds": round(total, 3),
        "cpu_seconds_per_run": round(total / len(runs), 3),
        "startup_cpu_seconds": round(startup, 3),
        "wall_seconds": round(wall, 3),
        "env_steps_per_run": env_steps_trained(),
        "scores": [finite_or_none(run["score"]) for run in runs],
        "each_cpu_seconds": [round(run["cpu_seconds"], 3) for run in runs],
        "versions": {name: version(name) for name in ("arlbench", "jax")},
    }


def env_steps_trained():
    return math.ceil(ENV_STEPS / NUM_EVALS / ROLLOUT) * ROLLOUT * NUM_EVALS


def finite_or_none(score):
    return score if math.isfinite(score) else None


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
