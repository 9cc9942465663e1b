"""Measure CPU seconds of rejax on a list of PPO configs, as jitted vmapped programs.

bench_sweep.py runs it in a virtual environment made from rejax.txt. The task is CartPole-v1: 8
environments, 32 steps a rollout, 20 epochs, 1e5 env steps (which it rounds up to 102,400), 10
evaluations of 128 episodes, one seed, networks of two hidden layers of 64 tanh units each for
actor and critic.

rejax fixes the number of minibatches at compile time, so there is one program for each minibatch
size, clipped to the rollout; all its calls have the same number of lanes. On a CPU a wide vmap
costs more a run than a narrow one, hence `--chunk`. All lanes share one key, that of the seed.
Their width changes the rounding, and with it the score a config ends at.

What rejax has no means for: it clips values with `clip_eps` and always normalises advantages, so
`vf_clip_eps` and `normalize_advantage` are ignored; `max_grad_norm` bounds single gradient
entries; actor and critic have an Adam each; evaluation samples its actions. The amount of
training is the same; scores are not to be compared.

`cpu_seconds` is user plus system time of this process, all threads: compilation and runs, given
separately, too, without imports. A last call that is not full repeats a config to fill its lanes,
and what that costs is counted.

    python run_rejax.py CONFIGS.json [--chunk LANES]
"""

import argparse
import json
import math
import resource
import time
from importlib.metadata import version
from pathlib import Path

TRACED = ("learning_rate", "gae_lambda", "clip_eps", "ent_coef", "vf_coef", "max_grad_norm")
IGNORED = ("vf_clip_eps", "normalize_advantage")
NAMES = {*TRACED, *IGNORED, "minibatch_size"}
ENV_STEPS = 100_000
NUM_EVALS = 10
NUM_ENVS = 8
NUM_STEPS = 32
ROLLOUT = NUM_ENVS * NUM_STEPS
SETTINGS = {
    "env": "CartPole-v1",
    "num_envs": NUM_ENVS,
    "num_steps": NUM_STEPS,
    "num_epochs": 20,
    "gamma": 0.99,
    "total_timesteps": ENV_STEPS,
    "eval_freq": ENV_STEPS // NUM_EVALS,
    "skip_initial_evaluation": True,
    "agent_kwargs": {"activation": "tanh", "hidden_layer_sizes": (64, 64)},
}


def main():
    args = parse_args()
    configs = read_configs(args.configs)
    import_peer()
    startup = cpu_seconds()
    started = time.perf_counter()
    groups = [
        run_group(minibatch, indices, configs, args.chunk, args.seed)
        for minibatch, indices in group_by_minibatch(configs).items()
    ]
    wall = time.perf_counter() - started
    print(json.dumps(report(groups, len(configs), startup, wall)))


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", type=Path, help="JSON list of PPO configs")
    parser.add_argument("--chunk", type=positive, default=8, help="most lanes a call (default 8)")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def read_configs(path):
    configs = json.loads(path.read_text(encoding="utf-8"))
    if not configs:
        raise SystemExit(f"{path} has no configs")
    for index, config in enumerate(configs):
        check_config(index, config)
    return configs


def check_config(index, config):
    if set(config) != NAMES:
        odd = ", ".join(sorted(set(config) ^ NAMES))
        raise SystemExit(f"config {index} has missing or unknown names: {odd}")
    minibatch = config["minibatch_size"]
    if minibatch < 1 or ROLLOUT % clipped(minibatch):
        raise SystemExit(
            f"config {index}: minibatch_size must divide the rollout of {ROLLOUT} or exceed it, got {minibatch}"
        )


def import_peer():
    # Imported late, for a mistyped command line should be answered before seconds of imports.
    import rejax  # noqa: F401


def group_by_minibatch(configs):
    groups = {}
    for index, config in enumerate(configs):
        groups.setdefault(clipped(config["minibatch_size"]), []).append(index)
    return groups


def clipped(minibatch):
    return min(minibatch, ROLLOUT)


def run_group(minibatch, indices, configs, chunk, seed):
    import jax

    lanes = lanes_per_call(len(indices), chunk)
    key = jax.random.key(seed)
    before = cpu_seconds()
    program = compile_program(minibatch, lanes, key)
    compiled = cpu_seconds()
    scores = run_chunks(program, key, [configs[i] for i in indices], lanes)
    return {
        "minibatch_size": minibatch,
        "lanes": lanes,
        "idle_lanes": -len(indices) % lanes,
        "compile_cpu_seconds": compiled - before,
        "run_cpu_seconds": cpu_seconds() - compiled,
        "scores": dict(zip(indices, scores, strict=True)),
    }


def lanes_per_call(num_configs, chunk):
    """Return the width that spreads the configs evenly over as few calls as `chunk` allows."""
    return math.ceil(num_configs / math.ceil(num_configs / chunk))


def compile_program(minibatch, lanes, key):
    import jax
    import jax.numpy as jnp
    import rejax

    algorithm = rejax.PPO.create(num_minibatches=ROLLOUT // minibatch, **SETTINGS)

    def train(key, hyperparameters):
        _, (_, returns) = algorithm.replace(**hyperparameters).train(key)
        return returns[-1].mean()

    example = {name: jnp.zeros(lanes) for name in TRACED}
    return jax.jit(jax.vmap(train, in_axes=(None, 0))).lower(key, example).compile()


def run_chunks(program, key, configs, lanes):
    scores = []
    for start in range(0, len(configs), lanes):
        part = configs[start : start + lanes]
        filled = part + part[-1:] * (lanes - len(part))
        scores += program(key, stack(filled)).tolist()[: len(part)]
    return scores


def stack(configs):
    import jax.numpy as jnp

    return {name: jnp.array([float(c[name]) for c in configs]) for name in TRACED}


def report(groups, num_runs, startup, wall):
    compilation = sum(group["compile_cpu_seconds"] for group in groups)
    runs = sum(group["run_cpu_seconds"] for group in groups)
    scores = {index: score for group in groups for index, score in group["scores"].items()}
    return {
        "peer": "rejax",
        "runs": num_runs,
        "cpu_seconds": round(compilation + runs, 3),
        "cpu_seconds_per_run": round((compilation + runs) / num_runs, 3),
        "compile_cpu_seconds": round(compilation, 3),
        "run_cpu_seconds": round(runs, 3),
        "run_cpu_seconds_per_run": round(runs / num_runs, 3),
        "startup_cpu_seconds": round(startup, 3),
        "wall_seconds": round(wall, 3),
        "env_steps_per_run": env_steps_trained(),
        "gradient_steps_per_run": sum(map(gradient_steps, groups)) / num_runs,
        "scores": [finite_or_none(scores[index]) for index in range(num_runs)],
        "ignored": list(IGNORED),
        "programs": [program_summary(group) for group in groups],
        "versions": {name: version(name) for name in ("rejax", "jax", "gymnax")},
    }


def program_summary(group):
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in group.items()
        if name != "scores"
    } | {"runs": len(group["scores"])}


def env_steps_trained():
    return math.ceil(ENV_STEPS / NUM_EVALS / ROLLOUT) * ROLLOUT * NUM_EVALS


def gradient_steps(group):
    """Return the updates of all runs of a group together."""
    updates = SETTINGS["num_epochs"] * (ROLLOUT // group["minibatch_size"])
    return len(group["scores"]) * (env_steps_trained() // ROLLOUT) * updates


def finite_or_none(score):
    return score if math.isfinite(score) else None


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
