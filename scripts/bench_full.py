"""Measure what sweeps over a task's full space cost, with nothing compiled yet and with everything, beside ARLBench.

In the full space hardly two configs share a network, a batch size and the numbers of envs and steps, so that programs are
compiled for one or two runs each. `arl sweep` runs alone on one core, first with an empty cache of compiled programs, then
the same again, under another name, with the cache that the first has left. Beside it stand the same of the published space,
and ARLBench, which compiles for every config. One seed, 10 evaluations of 128 episodes.

The configs are the first of the Sobol sequence over the full space whose hidden layers have at most `--hidden-size` units
and which update at most once per env step: a few large ones would outweigh all others.

CPU seconds are user and system time of the whole process tree, with start-up, compilation, training, evaluation and records;
compile and train are seconds that the sweep records of itself. Programs are those in the cache after the sweep, also the
small ones of a few operations. All are means over the repeats.

ARLBench runs the first `--arlbench-configs` that it can train alike: its networks have two hidden layers, and it rounds env
steps up to ten equal parts, which may add a tenth at most. What else it lacks, `peers/run_arlbench.py` names: it is ignored,
for it hardly changes the work of a run. The ratio is its CPU seconds over ours on the same configs, where ours are the
recorded seconds of their training and an equal share of all else. Every repeat gives a ratio, and begins with another
program; the table has their geometric mean and its 95 % interval by Student's t on logarithms. With `--cores` the ratio is
wall seconds on one core over those on several; `--scaling` has none, and an empty cache only.

    make peers                              # ARLBench's environment, .venv-arlbench
    .venv/bin/python scripts/bench_full.py [--algorithms ppo dqn sac] [--repeats 3] [--core 0] [--json FILE]
    .venv/bin/python scripts/bench_full.py --algorithms ppo --scaling 64 256 1024      # cost by number of configs
    .venv/bin/python scripts/bench_full.py --algorithms ppo --cores 2                  # one core and two
"""

import argparse
import dataclasses
import functools
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from bench_sweep import HERE, ROOT, Config, gradient_steps, peer_seconds_per_run, timed, timed_sweep
from peers import run_arlbench
from scipy import stats

import hpo
from arl.text import plural
from arl.training import provenance
from hpo import tasks
from hpo.cli.printing import print_table
from hpo.tasks import Task
from hpo.tuners.sobol import Sobol

TASKS = {"ppo": ("ppo/CartPole-v1", 64), "dqn": ("dqn/CartPole-v1", 32), "sac": ("sac/Pendulum-v1", 16)}
CACHES = ("empty", "warm")
NUM_TRIED = 100  # points of the Sobol sequence for every config that is wanted
ARLBENCH_LAYERS = 2
MOST_STEPS_ADDED = 1.1


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a program took for its runs.

    Attributes:
        runs: how many runs.
        cpu, wall: seconds of all runs together.
        compile, train: seconds that a sweep records of itself; None of ARLBench.
        programs: compiled programs in the cache after a sweep; None of ARLBench.
        run_seconds: seconds that a sweep records of the training of each run.
    """

    runs: int
    cpu: float
    wall: float
    compile: float | None = None
    train: float | None = None
    programs: int | None = None
    run_seconds: tuple[float, ...] = ()

    def cpu_per_run(self, runs: Collection[int]) -> float:
        """Return the mean CPU seconds of some runs of a sweep: of their training, and of all else an equal share."""
        training = [self.cpu / self.wall * seconds for seconds in self.run_seconds]
        return (self.cpu - sum(training)) / self.runs + sum(training[run] for run in runs) / len(runs)


Costs = dict[str, Cost]  # by program
Ratios = dict[str, list[float]]  # by program, one of every repeat


def main() -> None:
    args = parse_args()
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {"made_with": provenance.versions(), "tables": {}, "repeats": {}}
    for algorithm in args.algorithms:
        name, num_configs = TASKS[algorithm]
        task = tasks.get(name, "full", args.fidelity)
        measure = scaling if args.scaling else speedup if args.cores else comparison
        with tempfile.TemporaryDirectory() as scratch:
            repeats, ratios = measure(task, args.configs or num_configs, args, Path(scratch))
        rows = table(repeats, ratios)
        print(f"{name}, {task.fidelity:,} env steps; CPU, compile, train and wall: seconds per run")
        print_table(rows)
        document["tables"][name] = rows
        document["repeats"][name] = [
            {program: dataclasses.asdict(cost) for program, cost in costs.items()} for costs in repeats
        ]
        if args.json:
            args.json.write_text(json.dumps(document, indent=1) + "\n")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    positive = run_arlbench.positive
    parser.add_argument("--algorithms", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--configs", type=positive, help="by default 64 of PPO, 32 of DQN, 16 of SAC")
    parser.add_argument("--hidden-size", type=positive, default=64, help="the most units of a hidden layer")
    parser.add_argument("--fidelity", type=positive, help="env steps of a run, by default the task's")
    parser.add_argument("--published", nargs="*", choices=TASKS, default=["ppo"], help="whose published space, too")
    parser.add_argument("--arlbench-configs", type=positive, default=4, help="how many ARLBench runs")
    parser.add_argument("--without-arlbench", action="store_true", help="measure sweeps only")
    parser.add_argument("--repeats", type=positive, default=3)
    parser.add_argument("--core", type=int, default=0, help="the core that everything runs on")
    parser.add_argument(
        "--scaling", type=positive, nargs="+", help="measure sweeps of these numbers of configs instead"
    )
    several = range(2, (os.cpu_count() or 1) + 1)
    parser.add_argument("--cores", type=int, choices=several, help="measure sweeps on one core and on several instead")
    parser.add_argument("--json", type=Path, help="file for the tables, and for what every repeat took")
    parser.add_argument("--arlbench-python", default=str(ROOT / ".venv-arlbench/bin/python"))
    return parser.parse_args()


def comparison(task: Task, num_configs: int, args: argparse.Namespace, scratch: Path) -> tuple[list[Costs], Ratios]:
    """Return what sweeps and ARLBench took in every repeat, and ARLBench's CPU seconds over a sweep's on the same configs."""
    configs, cores = small_configs(task, num_configs, args.hidden_size), {args.core}
    tuner, sobol = listed(configs, scratch / "configs.json"), ["--tuner", "sobol"]
    same = [i for i, config in enumerate(configs) if is_alike_in_arlbench(task, config)][: args.arlbench_configs]
    measurements = [functools.partial(run_sweeps, "full space", task, tuner, num_configs, cores)]
    if task.algorithm_name in args.published:
        published = tasks.get(task.name, "published", args.fidelity)
        measurements.append(functools.partial(run_sweeps, "published space", published, sobol, num_configs, cores))
    if not same:
        print(f"ARLBench trains none of {plural(num_configs, 'config')} alike")
    if not same or args.without_arlbench:
        return repeated(measurements, args.repeats), {}
    if not Path(args.arlbench_python).exists():
        sys.exit(f"ARLBench must be installed (make peers), got no {args.arlbench_python}")
    measurements.append(functools.partial(run_arlbench_on, [configs[i] for i in same], task, num_configs, args))
    repeats = repeated(measurements, args.repeats)
    ratios = {
        program: [costs["ARLBench"].cpu / len(same) / costs[program].cpu_per_run(same) for costs in repeats]
        for program in (f"full space, {cache} cache" for cache in CACHES)
    }
    return repeats, ratios


def scaling(task: Task, num_configs: int, args: argparse.Namespace, scratch: Path) -> tuple[list[Costs], Ratios]:
    """Return what sweeps of several numbers of configs took in every repeat, with an empty cache; no ratios."""
    tuner = listed(small_configs(task, max(args.scaling), args.hidden_size), scratch / "configs.json")
    measurements = [
        functools.partial(run_sweeps, plural(num, "config"), task, tuner, num, {args.core}, CACHES[:1])
        for num in args.scaling
    ]
    return repeated(measurements, args.repeats), {}


def speedup(task: Task, num_configs: int, args: argparse.Namespace, scratch: Path) -> tuple[list[Costs], Ratios]:
    """Return what sweeps on one core and on several took in every repeat, and wall seconds on one over those on several."""
    tuner = listed(small_configs(task, num_configs, args.hidden_size), scratch / "configs.json")
    several = [(args.core + i) % (os.cpu_count() or 1) for i in range(args.cores)]
    labels = {"1 core": several[:1], f"{args.cores} cores": several}
    repeats = repeated(
        [functools.partial(run_sweeps, label, task, tuner, num_configs, cores) for label, cores in labels.items()],
        args.repeats,
    )
    ratios = {
        f"{args.cores} cores, {cache} cache": [
            costs[f"1 core, {cache} cache"].wall / costs[f"{args.cores} cores, {cache} cache"].wall for costs in repeats
        ]
        for cache in CACHES
    }
    return repeats, ratios


def small_configs(task: Task, count: int, hidden_size: int) -> list[Config]:
    """Return the first small configs of the Sobol sequence: of narrow layers, with an iteration and few updates."""
    sobol = Sobol(task.space, task.fidelity, seed=0)
    points = (dict(sobol.ask(1)[0].config) for _ in range(NUM_TRIED * count))

    def is_small(config: Config) -> bool:
        iteration = run_arlbench.iteration_steps(config, task.name)
        narrow = config["hidden_size"] <= hidden_size
        return narrow and iteration <= task.fidelity and gradient_steps(task, config) <= task.fidelity

    configs = list(itertools.islice(filter(is_small, points), count))
    if len(configs) < count:
        sys.exit(
            f"{plural(count, 'config')} of {task.name} must be small, got {len(configs)} of {NUM_TRIED * count} points"
        )
    return configs


def listed(configs: list[Config], path: Path) -> list[str]:
    """Write configs to a file; return the options of the tuner that asks for them."""
    path.write_text(json.dumps(configs))
    return ["--tuner", f"{HERE}/listed_configs.py:Listed", "--option", f"path={path}"]


def is_alike_in_arlbench(task: Task, config: Config) -> bool:
    """Return whether ARLBench trains a config as ours does: with as many layers, and about as many env steps."""
    iteration = run_arlbench.iteration_steps(config, task.name)
    ours = task.fidelity // iteration * iteration
    theirs = run_arlbench.trained_steps(config, task.name, task.fidelity)
    return config["num_layers"] == ARLBENCH_LAYERS and theirs <= MOST_STEPS_ADDED * ours


def run_sweeps(
    label: str,
    task: Task,
    tuner: list[str],
    num_configs: int,
    cores: Collection[int],
    caches: Sequence[str] = CACHES,
) -> Costs:
    """Return what a sweep takes with an empty cache of programs, and again with what it left there."""
    options = [*tuner, "--trials", num_configs]
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        return {
            f"{label}, {cache} cache": sweep_cost(*timed_sweep(task, options, cache, scratch, cores), scratch)
            for cache in caches
        }


def sweep_cost(output: dict[str, Any], cpu: float, wall: float, scratch: Path) -> Cost:
    """Return the cost of a sweep from its output and its record."""
    timing = output["timing"]
    seconds = hpo.load_sweep(output["sweep"], scratch / "store.sqlite").trials.seconds
    programs = len(list((scratch / "cache").glob("arl/programs/*.program")))
    return Cost(output["trials"], cpu, wall, timing["compile"], timing["train"], programs, tuple(seconds))


def run_arlbench_on(configs: list[Config], task: Task, num_configs: int, args: argparse.Namespace) -> Costs:
    """Return what ARLBench takes for configs; what it spends once is shared among all that were swept."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(configs, file)
        file.flush()
        command = [args.arlbench_python, HERE / "peers/run_arlbench.py", file.name, len(configs)]
        command += ["--task", task.name, "--env-steps", task.fidelity]
        output, cpu, wall = timed(command, {args.core}, {})
    return {"ARLBench": Cost(len(configs), len(configs) * peer_seconds_per_run(output, cpu, num_configs), wall)}


def repeated(measurements: Sequence[Callable[[], Costs]], repeats: int) -> list[Costs]:
    """Return what the programs take in each repeat; every repeat begins with the next measurement."""
    taken: list[Costs] = []
    for first in range(repeats):
        order = [*measurements, *measurements][first % len(measurements) :][: len(measurements)]
        taken.append({})
        for measure in order:
            costs = measure()
            taken[-1] |= costs
            for program, cost in costs.items():
                print(f"{program}: {cost.cpu / cost.runs:.2f} CPU s per run", flush=True)
    return taken


def table(repeats: list[Costs], ratios: Ratios) -> list[dict[str, Any]]:
    """Return a row per program, means over the repeats; the ratio has an interval."""
    return [row(program, [costs[program] for costs in repeats], ratios.get(program)) for program in repeats[0]]


def row(program: str, costs: Sequence[Cost], ratios: Sequence[float] | None) -> dict[str, Any]:
    """Return the row of a program, in seconds per run."""
    names = ("cpu", "compile", "train", "wall")
    values = {name: [getattr(cost, name) for cost in costs] for name in names}
    runs, (ratio, low, high) = costs[0].runs, geometric_mean(ratios) if ratios else (None, None, None)
    return {
        "program": program,
        "runs": runs,
        **{name: None if None in values[name] else mean(values[name]) / runs for name in names},
        "programs": costs[0].programs,
        "ratio": ratio,
        "low": low,
        "high": high,
    }


def geometric_mean(ratios: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Return the geometric mean of ratios and its 95 % interval, by Student's t on logarithms; no interval of one ratio."""
    logs = np.log(ratios)
    if len(logs) == 1:
        return float(ratios[0]), None, None
    half = stats.sem(logs) * stats.t.ppf(0.975, len(logs) - 1)
    low, center, high = np.exp(logs.mean() + half * np.array([-1.0, 0.0, 1.0])).tolist()
    return center, low, high


if __name__ == "__main__":
    main()
