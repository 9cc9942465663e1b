"""CPU seconds per run of the same PPO CartPole-v1 configs: `arl sweep`, ARLBench and rejax, side by side.

The configs are the first of the Sobol sequence over the published space, 1e5 env steps, one seed, at the reference's task
settings (8 envs x 32 steps, 20 epochs, 10 evaluations of 128 episodes). Every program runs alone on the same one core, one
after the other, with all it costs: start-up, compilation, training, evaluation, records. Ours runs twice: with an empty
cache of compiled programs, and again with a warm one. ARLBench compiles for every config, so a few of them tell its cost.

    make peers                              # the peers' environments, .venv-arlbench and .venv-rejax
    .venv/bin/python scripts/bench_sweep.py [--configs 64] [--arlbench-runs 4] [--core 0]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = bench(args, Path(scratch))
    print_table(rows)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", type=int, default=64)
    parser.add_argument("--arlbench-runs", type=int, default=4)
    parser.add_argument("--rejax-chunks", type=int, nargs="*", default=[2, 8], help="lanes of a rejax program")
    parser.add_argument("--core", type=int, default=0, help="the core that everything runs on")
    parser.add_argument("--arlbench-python", default=str(ROOT / ".venv-arlbench/bin/python"))
    parser.add_argument("--rejax-python", default=str(ROOT / ".venv-rejax/bin/python"))
    return parser.parse_args()


def bench(args: argparse.Namespace, scratch: Path) -> list[dict[str, Any]]:
    configs = scratch / "configs.json"
    configs.write_text(json.dumps(sobol_configs(args.configs)))
    rows = [
        sweep_row("arl sweep, empty cache", args, scratch, "cold"),
        sweep_row("arl sweep, warm cache", args, scratch, "warm"),
    ]
    for chunk in args.rejax_chunks:
        command = [args.rejax_python, HERE / "peers/run_rejax.py", configs, "--chunk", chunk]
        rows.append(peer_row(f"rejax, {chunk} lanes", command, args.core))
    command = [args.arlbench_python, HERE / "peers/run_arlbench.py", configs, args.arlbench_runs]
    rows.append(peer_row("ARLBench", command, args.core))
    return rows


def sobol_configs(count: int) -> list[dict[str, Any]]:
    from hpo import tasks
    from hpo.tuners.sobol import Sobol

    task = tasks.get("ppo/CartPole-v1")
    return [dict(trial.config) for trial in Sobol(task.space, task.fidelity, seed=0).ask(count)]


def sweep_row(label: str, args: argparse.Namespace, scratch: Path, name: str) -> dict[str, Any]:
    command = [
        Path(sys.executable).parent / "arl", "sweep", "ppo/CartPole-v1", "--tuner", "sobol", "--trials", args.configs,
        "--seeds", 1, "--name", name, "--store", scratch / "store.sqlite", "--json",
    ]  # fmt: skip
    output, cpu, wall = timed(command, args.core, {"XDG_CACHE_HOME": str(scratch / "cache")})
    timing = output["timing"]
    return {
        "program": label, "runs": output["trials"], "cpu": cpu / output["trials"], "wall": wall, "compile": timing["compile"],
        "overhead": (timing.get("tuner", 0) + timing.get("store", 0)) / timing["total"],
    }  # fmt: skip


def peer_row(label: str, command: list[Any], core: int) -> dict[str, Any]:
    output, cpu, wall = timed(command, core, {})
    return {
        "program": label, "runs": output["runs"], "cpu": cpu / output["runs"], "wall": wall,
        "compile": output.get("compile_cpu_seconds"), "overhead": None,
    }  # fmt: skip


def timed(command: list[Any], core: int, environment: dict[str, str]) -> tuple[dict[str, Any], float, float]:
    """The JSON document a command prints, its CPU seconds (user and system, all threads), and its wall seconds."""
    started, before = time.perf_counter(), os.times()
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env={**os.environ, **environment},
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )  # fmt: skip
    after = os.times()
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    document = done.stdout[done.stdout.index("{") :]
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(document), cpu, time.perf_counter() - started


def print_table(rows: list[dict[str, Any]]) -> None:
    ours = rows[0]["cpu"]
    print(
        f"{'program':<26}{'runs':>6}{'CPU s per run':>15}{'ratio':>8}{'compile s':>11}{'tuner+store':>13}{'wall s':>8}"
    )
    for row in rows:
        compiled = "-" if row["compile"] is None else f"{row['compile']:.1f}"
        overhead = "-" if row["overhead"] is None else f"{row['overhead']:.1%}"
        print(
            f"{row['program']:<26}{row['runs']:>6}{row['cpu']:>15.2f}{row['cpu'] / ours:>8.2f}{compiled:>11}{overhead:>13}"
            f"{row['wall']:>8.0f}"
        )


if __name__ == "__main__":
    main()
