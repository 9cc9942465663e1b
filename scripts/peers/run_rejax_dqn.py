"""Measure CPU seconds of rejax's DQN on the first configs of a list, as jitted programs.

bench_sweep.py runs it in a virtual environment made from rejax.txt. The task is CartPole-v1: 8
environments, 4 gradient steps after each step of all, 51,200 env steps, 10 evaluations of 128
episodes, one seed, a network of two hidden layers of 64 tanh units. That is the same number of
gradient steps as 128 after every 32 steps.

rejax compiles a program for each batch size. It would compile one for each `buffer_size`,
`learning_starts` and `target_update_interval`, too: these stay at 50,000, 1,024 and 10, and
learning rate and exploration vary. It has no prioritized replay. Its sample passes over the
whole memory: the cost of a run grows with the size of the buffer, not with its use. A program
trains one config a call; with more lanes every config costs more.

    python run_rejax_dqn.py CONFIGS.json NUM
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path

from run_rejax import cpu_seconds, finite_or_none, positive

ENV_STEPS = 51_200
LEARNING_STARTS = 1_024
NUM_ENVS = 8
GRADIENT_STEPS = 4
TRACED = {
    "learning_rate": "learning_rate",
    "eps_start": "initial_epsilon",
    "eps_end": "final_epsilon",
}
SETTINGS = {
    "env": "CartPole-v1",
    "num_envs": NUM_ENVS,
    "num_epochs": GRADIENT_STEPS,
    "gamma": 0.99,
    "ddqn": False,
    "buffer_size": 50_000,
    "fill_buffer": LEARNING_STARTS,
    "target_update_freq": 10,
    "polyak": 0.0,
    "total_timesteps": ENV_STEPS,
    "eval_freq": ENV_STEPS // 10,
    "skip_initial_evaluation": True,
    "agent_kwargs": {"activation": "tanh"},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", type=Path, help="JSON list of DQN configs, under our names")
    parser.add_argument("num", type=positive, help="how many of them to run, from the first")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    configs = json.loads(args.configs.read_text(encoding="utf-8"))[: args.num]
    started = time.perf_counter()
    programs = {size: compile_program(size) for size in {config["batch_size"] for config in configs}}
    runs = [run_config(programs[config["batch_size"]], config, args.seed) for config in configs]
    print(json.dumps(report(runs, time.perf_counter() - started)))


def compile_program(batch_size):
    import jax
    import jax.numpy as jnp
    import rejax

    algorithm = rejax.DQN.create(batch_size=batch_size, **SETTINGS)

    def train(key, hyperparameters):
        _, (_, returns) = algorithm.replace(**hyperparameters).train(key)
        return returns[-1].mean()

    before = cpu_seconds()
    example = {name: jnp.zeros(()) for name in TRACED}
    program = jax.jit(train).lower(jax.random.key(0), example).compile()
    return program, cpu_seconds() - before


def run_config(program, config, seed):
    import jax
    import jax.numpy as jnp

    before = cpu_seconds()
    values = {name: jnp.float32(config[ours]) for name, ours in TRACED.items()}
    score = float(program[0](jax.random.key(seed), values))
    return {"score": score, "cpu_seconds": cpu_seconds() - before}


def report(runs, wall):
    total = sum(run["cpu_seconds"] for run in runs)
    return {
        "peer": "rejax",
        "runs": len(runs),
        "cpu_seconds_per_run": round(total / len(runs), 3),
        "wall_seconds": round(wall, 3),
        "env_steps_per_run": ENV_STEPS,
        "gradient_steps_per_run": (ENV_STEPS - LEARNING_STARTS) // NUM_ENVS * GRADIENT_STEPS,
        "scores": [finite_or_none(run["score"]) for run in runs],
        "each_cpu_seconds": [round(run["cpu_seconds"], 3) for run in runs],
        "versions": {name: version(name) for name in ("rejax", "jax", "gymnax")},
    }


if __name__ == "__main__":
    main()
