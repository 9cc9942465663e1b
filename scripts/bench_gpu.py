"""Measure on a GPU, in at most eight minutes, whether its numbers are right and what it is worth.

Four sections, a table each:

    canary      pieces of training beside a reference in double precision (`arl.training.canary`)
    lanes       PPO on CartPole, 64 to 4,096 lanes: env steps per second, speed of the updates, memory, kernels
    landscapes  the configs and seeds of landscapes, as `arl landscape build` trains them but all seeds at once
    precision   training with products in float32 and in TF32: seconds, and the difference of returns

Speed counts the matrix products of the updates alone, as `bench_update.py` does, while each part is waited for. Kernels are
the fusions, products and custom calls of a compiled part, once each, also where it runs them in a loop. Program memory is
what the largest part needs; peak memory is the process's so far, where the device says it. A landscape's record is the
fewest CPU seconds per run, compilation included, of any program on one core in docs/validation.md.

What does not fit into `--seconds` any more is left out, and a landscape stops where it is: its row says how many env steps
it has. A program that is being compiled is waited for. The JSON file is written anew after each row. Without a GPU the same
runs on the CPU, for which it is too large: give smaller numbers.

    .venv/bin/pip install -e '.[cuda]'
    .venv/bin/python scripts/bench_gpu.py --json results/gpu.json
    .venv/bin/python scripts/bench_gpu.py --sizes 64 --lanes 4 --configs 8 --seeds 2 --precision-seeds 2      # on a CPU
"""

import argparse
import collections
import contextlib
import dataclasses
import functools
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bench_update
import jax
import numpy as np
from jax.stages import Compiled
from peers.run_arlbench import positive
from training_lanes import seconds_of

from arl import spaces
from arl.training import backend, canary, provenance
from hpo import tasks
from hpo.build_landscape import DefaultThenSobol
from hpo.cli.printing import print_table
from hpo.objectives.training import Training
from hpo.tasks import Task
from hpo.trial import Trial

# CPU seconds per run of the tasks' published spaces, the fewest of any program in docs/validation.md, "Costs".
RECORDS = {"ppo/CartPole-v1": 1.22, "dqn/CartPole-v1": 4.54, "sac/Pendulum-v1": 17.48}
KERNELS = ("fusion", "dot", "convolution", "custom-call")
PRECISIONS = ("float32", "tensorfloat32")

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Job:
    """A row of a table, to be measured.

    Attributes:
        name: what is measured.
        share: of the script's time, by which it is to be done.
        run: measures it, given its deadline, a time of `time.perf_counter`; may raise `OutOfTime`.
        can_stop: whether it stops at its deadline by itself.
    """

    name: str
    share: float
    run: Callable[[float], Row]
    can_stop: bool = False


class OutOfTime(Exception):
    """A measurement was stopped at its deadline."""


def main() -> None:
    args, started = parse_args(), time.perf_counter()
    backend.setup()
    document: dict[str, Any] = {"made_with": provenance.now(), "tables": {}, "left_out": []}
    print(f"{document['made_with']['device']}, {args.seconds} s")
    for name, jobs in SECTIONS.items():
        document["tables"][name] = []
        for row in measured(jobs(args), started, args.seconds, document["left_out"]):
            document["tables"][name].append(row)
            write(document, args.json)
        print(name)
        print_table(document["tables"][name])
    write(document, args.json)
    print(f"{time.perf_counter() - started:.0f} s; left out: {', '.join(document['left_out']) or 'nothing'}")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=positive, default=420, help="what does not fit into them is left out")
    parser.add_argument("--json", type=Path, help="file for the tables")
    parser.add_argument("--sizes", type=positive, nargs="*", default=canary.SIZES, help="of the canary's pieces")
    parser.add_argument("--lanes", type=positive, nargs="*", default=[64, 256, 1024, 4096])
    parser.add_argument(
        "--configs", type=positive, default=256, help="of PPO's landscape, an eighth of DQN's and SAC's"
    )
    parser.add_argument("--seeds", type=positive, default=10, help="of landscapes")
    parser.add_argument("--tasks", nargs="*", choices=RECORDS, default=list(RECORDS), help="whose landscapes")
    parser.add_argument("--fidelity", type=positive, help="env steps of a landscape's runs, by default the tasks'")
    parser.add_argument("--precision-task", default="ppo/Pendulum-v1", help="whose default config is trained")
    parser.add_argument("--precision-seeds", type=positive, default=64)
    return parser.parse_args()


def measured(jobs: list[Job], started: float, seconds: float, left_out: list[str]) -> Iterator[Row]:
    """Yield the rows of jobs; note the names of those that do not fit.

    A job that can't stop by itself is taken to last at least as long as the one before.
    """
    last = 0.0
    for job in jobs:
        began, deadline = time.perf_counter(), started + job.share * seconds
        try:
            if began + (0.0 if job.can_stop else last) > deadline:
                raise OutOfTime
            yield job.run(deadline)
            last = time.perf_counter() - began
        except OutOfTime:
            left_out.append(job.name)


def stop_at(deadline: float) -> Callable[[Any], None]:
    """Return what a training is to call after each segment: it raises `OutOfTime` once the deadline is over."""

    def check(progress: Any) -> None:
        if time.perf_counter() > deadline:
            raise OutOfTime

    return check


def write(document: dict[str, Any], path: Path | None) -> None:
    """Write the document to a file, if there is to be one."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n")


def canary_jobs(args: argparse.Namespace) -> list[Job]:
    """Return a job per piece and size."""
    return [
        Job(f"{piece} of size {size}", 0.1, functools.partial(canary_row, piece, size))
        for size, piece in itertools.product(args.sizes, canary.PIECES)
    ]


def canary_row(piece: str, size: int, deadline: float) -> Row:
    """Return the row of a check."""
    check = canary.check(piece, size)
    return {**dataclasses.asdict(check), "verdict": check.verdict}


def lanes_jobs(args: argparse.Namespace) -> list[Job]:
    """Return a job per number of lanes."""
    return [Job(f"{num} lanes", 0.35, functools.partial(lanes_row, num)) for num in args.lanes]


def lanes_row(num_lanes: int, deadline: float) -> Row:
    """Return the speed of training at a number of lanes, its memory in MiB, and the kernels of its parts."""
    training = bench_update.training(num_lanes, bench_update.ROLLOUT)
    steps = bench_update.NUM_ROLLOUTS * bench_update.ROLLOUT
    training.train(steps)  # compiles
    seconds = seconds_of(lambda: training.train(steps), time.perf_counter)
    parts = training.seconds_by_part(steps, time.perf_counter)
    flops = bench_update.flops_per_sample() * bench_update.num_samples(num_lanes, bench_update.ROLLOUT)
    programs = training.programs.compiled
    return {
        "lanes": num_lanes,
        "env steps/s": num_lanes * steps / seconds,
        "update GFLOP/s": flops / parts["update"] / 1e9,
        "update share": parts["update"] / sum(parts.values()),
        "program MiB": max(map(program_mib, programs.values())),
        "peak MiB": peak_mib(),
        "compile s": training.compile_seconds,
        **{f"{part} kernels": num_kernels(programs[part].as_text()) for part in ("experience", "update")},
    }


def program_mib(program: Compiled) -> float:
    """Return the MiB of device memory of a program's arguments, results and temporary arrays."""
    memory = program.memory_analysis()
    used = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return (used - memory.alias_size_in_bytes) / 2**20


def peak_mib() -> float | None:
    """Return the most MiB of device memory that this process has used, or None where the device does not say."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats["peak_bytes_in_use"] / 2**20 if "peak_bytes_in_use" in stats else None


def num_kernels(hlo: str) -> str:
    """Return how many fusions, products and custom calls a compiled program has, by kind, in the text of its HLO.

    What is inside of a fusion is no kernel of its own.
    """
    fused = set(re.findall(r"calls=%?([\w.-]+)", hlo))
    counts: collections.Counter[str] = collections.Counter()
    computation = ""
    for line in hlo.splitlines():
        if line.endswith("{"):
            computation = line.removeprefix("ENTRY ").lstrip("%").split(" ")[0]
        elif computation not in fused:
            counts.update(kind for kind in KERNELS if f" {kind}(" in line)
    return ", ".join(f"{counts[kind]} {kind}" for kind in KERNELS if counts[kind])


def landscape_jobs(args: argparse.Namespace) -> list[Job]:
    """Return a job per task: PPO's with all configs and half of the time that is left, the others with an eighth of them."""
    return [
        Job(
            f"landscape of {name}", share, functools.partial(landscape_row, name, -(-args.configs // parts), args), True
        )
        for name, share, parts in zip(RECORDS, (0.6, 0.7, 0.85), (1, 8, 8), strict=True)
        if name in args.tasks
    ]


def landscape_row(name: str, num_configs: int, args: argparse.Namespace, deadline: float) -> Row:
    """Return what the configs and seeds of a landscape take, until the deadline, beside the record."""
    task = tasks.get(name, fidelity=args.fidelity)
    trials = DefaultThenSobol(task.space, task.fidelity).ask(num_configs)
    objective = Training(task, range(args.seeds), batch=len(trials))
    started = time.perf_counter()
    with contextlib.suppress(OutOfTime):
        collections.deque(objective.evaluate(trials, stop_at(deadline)), maxlen=0)
    seconds = time.perf_counter() - started
    report, costs = objective.runner.report, objective.costs()
    runs = report.env_steps / task.fidelity
    record = RECORDS[name] * task.fidelity / tasks.get(name).fidelity
    return {
        "task": name,
        "runs": num_configs * args.seeds,
        "env steps": report.env_steps,
        "wall s": seconds,
        "compile s": costs["compile"],
        "wall s per run": seconds / runs,
        "without compiling": (seconds - costs["compile"]) / runs,
        "record": record,
        "ratio": record * runs / seconds,
        "lanes": objective.runner.lanes.number,
    }


def precision_jobs(args: argparse.Namespace) -> list[Job]:
    """Return a job per precision; the second is compared with the first."""
    task = tasks.get(args.precision_task, "full", args.fidelity)
    baseline: dict[str, np.ndarray] = {}
    return [
        Job(f"products in {precision}", 1.0, functools.partial(precision_row, precision, task, args, baseline), True)
        for precision in PRECISIONS
    ]


def precision_row(
    precision: str, task: Task, args: argparse.Namespace, baseline: dict[str, np.ndarray], deadline: float
) -> Row:
    """Return what training a task's default config takes at a precision, and its returns over seeds.

    The difference is to the first precision, with its standard error; their returns are kept in `baseline`.
    """
    before = jax.config.values["jax_default_matmul_precision"]
    jax.config.update("jax_default_matmul_precision", precision)
    try:
        objective = Training(task, range(args.precision_seeds))
        trial = Trial(0, spaces.default(task.space), task.fidelity)
        (record,) = objective.evaluate([trial], stop_at(deadline))
        error = max(check.error for check in canary.checks(args.sizes[:1]))
    finally:
        jax.config.update("jax_default_matmul_precision", before)
    scores = np.array([run.score for run in record.runs])
    first = baseline.setdefault("scores", scores)
    spread = np.sqrt(np.var(scores) / len(scores) + np.var(first) / len(first))
    costs = objective.costs()
    return {
        "products": precision,
        "canary error": error,
        "compile s": costs["compile"],
        "train s": costs["train"],
        "seeds": len(scores),
        "return": scores.mean(),
        "difference": scores.mean() - first.mean(),
        "standard error": spread,
    }


SECTIONS: dict[str, Callable[[argparse.Namespace], list[Job]]] = {
    "canary": canary_jobs,
    "lanes": lanes_jobs,
    "landscapes": landscape_jobs,
    "precision": precision_jobs,
}


if __name__ == "__main__":
    main()
