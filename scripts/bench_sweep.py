"""Measure CPU seconds per run of the same configs of a task: `arl sweep`, ARLBench and rejax, side by side.

The configs are the first of the Sobol sequence over the published space, one seed, at the reference's task settings (10
evaluations of 128 episodes). Every program runs alone on the same core, one after the other, with all it costs:
start-up, compilation, training, evaluation, records. Ours runs twice: with an empty cache of compiled programs, and again
with a warm one.

Peers that take long run a few of the configs, equally many of every batch size, with and without prioritized replay; what
they spend once a sweep is shared among all configs. ARLBench compiles for every config. DQN trains for 51,200 env steps,
to which ARLBench rounds 5e4 up. rejax has no SAC with the same settings. "updates" are gradient steps per run.

    make peers                              # the peers' environments, .venv-arlbench and .venv-rejax
    .venv/bin/python scripts/bench_sweep.py [--task ppo/CartPole-v1] [--configs 64] [--peer-runs 4] [--core 0]
    .venv/bin/python scripts/bench_sweep.py --task dqn/CartPole-v1 --peer-runs 6
    .venv/bin/python scripts/bench_sweep.py --task sac/Pendulum-v1 --configs 12 --peer-runs 6
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpo.tasks import Task

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ENV_STEPS = {"ppo/CartPole-v1": 100_000, "dqn/CartPole-v1": 51_200, "sac/Pendulum-v1": 20_000}

Config = dict[str, Any]


def main() -> None:
    args = parse_args()
    configs = in_turns(sobol_configs(args.task, args.configs))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "configs.json"
        path.write_text(json.dumps(configs))
        rows = [*our_rows(args, configs, Path(scratch)), *peer_rows(args, path)]
    print_table(rows)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=ENV_STEPS, default="ppo/CartPole-v1")
    parser.add_argument("--configs", type=int, default=64)
    parser.add_argument("--peer-runs", type=int, default=4, help="configs that ARLBench and rejax's DQN run")
    parser.add_argument("--rejax-chunks", type=int, nargs="*", default=[2, 8], help="lanes of a rejax PPO program")
    parser.add_argument("--core", type=int, default=0, help="the core that everything runs on")
    parser.add_argument("--arlbench-python", default=str(ROOT / ".venv-arlbench/bin/python"))
    parser.add_argument("--rejax-python", default=str(ROOT / ".venv-rejax/bin/python"))
    return parser.parse_args()


def sobol_configs(name: str, count: int) -> list[Config]:
    """Return the first configs of the Sobol sequence over a task's published space."""
    from hpo import tasks
    from hpo.tuners.sobol import Sobol

    task = tasks.get(name, fidelity=ENV_STEPS[name])
    return [dict(trial.config) for trial in Sobol(task.space, task.fidelity, seed=0).ask(count)]


def in_turns(configs: list[Config]) -> list[Config]:
    """Return the configs in such an order that batch sizes, with and without prioritized replay, take turns."""

    def kind(config: Config) -> tuple[int, bool]:
        return config.get("batch_size", 0), config.get("prioritized", False)

    groups = [list(group) for _, group in itertools.groupby(sorted(configs, key=kind), key=kind)]
    return [config for turn in itertools.zip_longest(*groups) for config in turn if config is not None]


def our_rows(args: argparse.Namespace, configs: list[Config], scratch: Path) -> Iterable[dict[str, Any]]:
    """Yield the rows of `arl sweep` with an empty and with a warm cache of compiled programs."""
    from hpo import tasks

    task = tasks.get(args.task, fidelity=ENV_STEPS[args.task])
    options = ["--tuner", "sobol", "--trials", len(configs)]
    for name in ("empty", "warm"):
        output, cpu, wall = timed_sweep(task, options, name, scratch, {args.core})
        timing = output["timing"]
        yield {
            "program": f"arl sweep, {name} cache",
            "runs": output["trials"],
            "cpu": cpu / output["trials"],
            "wall": wall,
            "updates": sum(gradient_steps(task, config) for config in configs) / len(configs),
            "compile": timing["compile"],
            "overhead": (timing.get("tuner", 0) + timing.get("store", 0)) / timing["total"],
        }


def timed_sweep(
    task: "Task", options: list[Any], name: str, scratch: Path, cores: Collection[int]
) -> tuple[dict[str, Any], float, float]:
    """Return what `timed` says of `arl sweep` with one seed.

    Args:
        task: its name, space and fidelity are the sweep's.
        options: of the command line, besides these.
        name: of the sweep.
        scratch: the folder of its store and of its cache of programs.
        cores: the cores that it may use.
    """
    command = [Path(sys.executable).parent / "arl", "sweep", task.name, "--space", task.preset, *options, "--seeds", 1]
    command += ["--fidelity", task.fidelity, "--name", name, "--store", scratch / "store.sqlite", "--json"]
    return timed(command, cores, {"XDG_CACHE_HOME": str(scratch / "cache")})


def gradient_steps(task: "Task", config: Config) -> int:
    """Return the number of updates of a run of ours."""
    values: Any = {**task.fixed, **config}
    if task.algorithm_name == "ppo":
        rollout = values["num_envs"] * values["num_steps"]
        num_minibatches = rollout // min(values["minibatch_size"], rollout)
        return task.fidelity // rollout * values["num_epochs"] * num_minibatches
    iteration = values["num_envs"] * values["train_freq"]
    return (task.fidelity // iteration - values["learning_starts"] // iteration) * values["gradient_steps"]


def peer_rows(args: argparse.Namespace, configs: Path) -> Iterable[dict[str, Any]]:
    """Yield the rows of the other systems that have the task's algorithm."""
    if args.task.startswith("ppo"):
        for chunk in args.rejax_chunks:
            command = [args.rejax_python, HERE / "peers/run_rejax.py", configs, "--chunk", chunk]
            yield peer_row(f"rejax, {chunk} lanes", command, args)
    if args.task.startswith("dqn"):
        yield peer_row("rejax", [args.rejax_python, HERE / "peers/run_rejax_dqn.py", configs, args.peer_runs], args)
    command = [args.arlbench_python, HERE / "peers/run_arlbench.py", configs, args.peer_runs, "--task", args.task]
    yield peer_row("ARLBench", command, args)


def peer_row(label: str, command: list[Any], args: argparse.Namespace) -> dict[str, Any]:
    """Return the row of another system, what it spends once shared among all configs."""
    output, cpu, wall = timed(command, {args.core}, {})
    return {
        "program": label,
        "runs": output["runs"],
        "cpu": peer_seconds_per_run(output, cpu, args.configs),
        "wall": wall,
        "updates": output["gradient_steps_per_run"],
        "compile": output.get("compile_cpu_seconds"),
        "overhead": None,
    }


def peer_seconds_per_run(output: dict[str, Any], cpu: float, num_configs: int) -> float:
    """Return the CPU seconds of a run of another system, with a share of what it spends once for all configs."""
    once = cpu - output["cpu_seconds_per_run"] * output["runs"]
    return output["cpu_seconds_per_run"] + once / num_configs


def timed(
    command: list[Any], cores: Collection[int], environment: dict[str, str]
) -> tuple[dict[str, Any], float, float]:
    """Return the JSON document that a command prints, the CPU seconds of its whole process tree, and its wall seconds.

    Args:
        command: the command and its arguments.
        cores: the cores that it may use.
        environment: variables that differ from this process's; a cache of JAX's that it names is left out.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    started, before = time.perf_counter(), os.times()
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        env={**inherited, **environment},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    after = os.times()
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    document = done.stdout[done.stdout.index("{") :]
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(document), cpu, time.perf_counter() - started


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print a row per program, CPU seconds as multiples of the first row's beside them."""
    ours = rows[0]["cpu"]
    print(
        f"{'program':<26}{'runs':>6}{'updates':>9}{'CPU s per run':>15}{'ratio':>8}{'compile s':>11}{'tuner+store':>13}"
        f"{'wall s':>8}"
    )
    for row in rows:
        compiled = "-" if row["compile"] is None else f"{row['compile']:.1f}"
        overhead = "-" if row["overhead"] is None else f"{row['overhead']:.1%}"
        print(
            f"{row['program']:<26}{row['runs']:>6}{row['updates']:>9.0f}{row['cpu']:>15.2f}{row['cpu'] / ours:>8.2f}"
            f"{compiled:>11}{overhead:>13}{row['wall']:>8.0f}"
        )


if __name__ == "__main__":
    main()
