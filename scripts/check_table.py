"""Train random runs of a landscape again, and compare every number with those on record or with another training's.

Lanes are those of the landscape (width and rows), so that a run gives the same numbers to the last bit wherever versions and
the kind of device are the same. Kinds of CPU differ: compilers choose other instructions. To see whether two checkouts or two
machines train alike, write the numbers of one to a file and compare those of the other with it:

    .venv/bin/python scripts/check_table.py --landscape ppo/CartPole-v1 --trials 50 --out before.json
    .venv/bin/python scripts/check_table.py --landscape ppo/CartPole-v1 --trials 50 --against before.json

More `--trials` are the same runs and others. The exit status is 0 if every number is the same: as in the file with
`--against`, as on record without. Returns of runs that differ only by the kind of CPU or by how JAX rounds are close at first
and part later. Whether they then differ by more than chance, the final returns say: the mean difference has an interval, and
its size stands beside that between two seeds of a config on record. Diverged runs, which have no final return, are left out.
"""

import argparse
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import landscapes
from arl import statistics
from arl.records.store import RunRecord, TrialRecord
from arl.training import provenance
from arl.training.runner import Runner
from hpo import tasks
from hpo.objectives.tabular import Exact
from hpo.objectives.training import Training
from hpo.trial import Trial
from landscapes.dataset import Landscape

Numbers = dict[str, float]  # of one evaluation: env steps, returns, metrics
Curve = list[Numbers]  # of one run, a row per evaluation
Curves = dict[str, Curve]  # by "LANDSCAPE config NUMBER seed SEED"

NUM_SHOWN = 5  # runs whose first difference is printed
MADE_WITH = ("commit", *provenance.SAME, "cpu")


class Difference(NamedTuple):
    """The first number of a run that is not the same, NaN where one side lacks it."""

    env_steps: float
    name: str
    expected: float
    trained: float


def main() -> None:
    args = parse_args()
    expected = read(args.against) if args.against else None
    trained: Curves = {}
    same, same_as_before = True, True
    for name in args.landscape:
        landscape = landscapes.load(name)
        recorded, curves = train_again(landscape, args.trials)
        trained |= curves
        other_seeds = finals_of_other_seeds(landscape)
        same &= compare(f"{name}, as on record", recorded, curves, other_seeds)
        if expected:
            same_as_before &= compare(f"{name}, as in {args.against}", expected["curves"], curves, other_seeds)
    document = {"made_with": made_with(), "curves": trained}
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(document, indent=1) + "\n")
        print(f"numbers of {len(trained)} runs: {args.out}")
    if expected:
        print_versions(expected["made_with"], document["made_with"], args.against)
    sys.exit(not (same_as_before if expected else same))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--landscape", nargs="+", default=["ppo/CartPole-v1"], help="one or more that were trained here"
    )
    parser.add_argument("--trials", type=int, default=50, help="how many runs of every landscape")
    parser.add_argument("--out", type=Path, help="JSON file to write all numbers to")
    parser.add_argument("--against", type=Path, help="file of --out, from another checkout or machine")
    return parser.parse_args()


def read(path: Path) -> dict[str, Any]:
    """Return what `--out` wrote."""
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        return {"made_with": document["made_with"], "curves": document["curves"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"--against must be a file that --out has written, got {path}: {error}")


def train_again(landscape: Landscape, num_trials: int) -> tuple[Curves, Curves]:
    """Return the curves on record of random trials, and those of the same trials trained again in lanes of the same size."""
    task, lanes = tasks.of_landscape(landscape), landscape.metadata["lanes"]
    table = Exact.on(landscape)
    numbers, trials = draw_trials(landscape, num_trials, task.fidelity)
    runner = Runner(task.algorithm, task.env, 1, 1, task.num_episodes, lanes=(lanes["width"], lanes["rows"]))
    training = Training(task, landscape.seeds, num_trials, runner)
    recorded = {record.trial: record for record in table.evaluate(trials)}
    trained = {record.trial: record for record in training.evaluate(trials)}

    def curves(records: Mapping[int, TrialRecord]) -> Curves:
        runs = [(number, records[trial.id].runs[0]) for number, trial in zip(numbers, trials, strict=True)]
        return {run_name(landscape, number, run.seed): curve(run) for number, run in runs}

    return curves(recorded), curves(trained)


def run_name(landscape: Landscape, number: int, seed: int) -> str:
    return f"{landscape.name} config {number} seed {seed}"


def finals_of_other_seeds(landscape: Landscape) -> dict[str, float]:
    """Return, by run, the final return on record of the same config under the next seed; none of a landscape of one seed."""
    seeds, finals = landscape.seeds, landscape.returns[:, :, -1]
    return {
        run_name(landscape, number, seed): float(finals[number, (i + 1) % len(seeds)])
        for number in range(len(finals))
        for i, seed in enumerate(seeds if len(seeds) > 1 else ())
    }


def draw_trials(landscape: Landscape, num_trials: int, fidelity: int) -> tuple[list[int], list[Trial]]:
    """Return the numbers of the configs of random runs of a landscape, and a trial for every run.

    More trials are the same ones and others.
    """
    num_runs = len(landscape.configs) * len(landscape.seeds)
    runs = np.random.default_rng(0).permutation(num_runs)[:num_trials]
    pairs = [divmod(int(run), len(landscape.seeds)) for run in runs]
    configs = landscape.plain_configs
    trials = [
        Trial(i, configs[number], fidelity, seeds=(landscape.seeds[position],))
        for i, (number, position) in enumerate(pairs)
    ]
    return [number for number, _ in pairs], trials


def curve(run: RunRecord) -> Curve:
    """Return all numbers of a run, a row per evaluation."""
    return [
        {
            "env_steps": point.env_steps,
            "return_mean": point.return_mean,
            "return_std": point.return_std,
            "episode_length_mean": point.episode_length_mean,
            **point.metrics,
        }
        for point in run.points
    ]


def compare(title: str, expected: Curves, trained: Curves, other_seeds: Mapping[str, float]) -> bool:
    """Print how many runs and numbers are the same, and the first difference of a few runs; return whether all are.

    `other_seeds`: the final return of the same config under another seed, by run.
    """
    common = [key for key in trained if key in expected]
    differences = {key: difference for key in common if (difference := first_difference(expected[key], trained[key]))}
    pairs = [pair for key in common for pair in number_pairs(expected[key], trained[key])]
    num_same = sum(equal(a, b) for _, _, a, b in pairs)
    if not common:
        print(f"{title}: none of the runs; train the same landscapes")
        return False
    print(f"{title}: {len(common) - len(differences)} of {len(common)} runs the same in every number")
    largest = gap(expected, trained, common)
    print(f"  {num_same:,} of {len(pairs):,} numbers the same; largest gap of a final return: {largest:g}")
    for key, (env_steps, name, before, after) in list(differences.items())[:NUM_SHOWN]:
        print(f"  {key}: {name} at {env_steps:,.0f} env steps is {after!r}, expected {before!r}")
    if len(differences) > NUM_SHOWN:
        print(f"  and {len(differences) - NUM_SHOWN} runs more")
    if differences:
        print_finals(expected, trained, common, other_seeds)
    if len(common) < len(trained):
        print(f"  {len(trained) - len(common)} of {len(trained)} runs are not in it")
    return not differences and len(common) == len(trained)


def first_difference(expected: Curve, trained: Curve) -> Difference | None:
    """Return the first number that is not the same to the last bit, None if all are; NaN equals NaN."""
    return next((Difference(*pair) for pair in number_pairs(expected, trained) if not equal(*pair[2:])), None)


def number_pairs(expected: Curve, trained: Curve) -> list[tuple[float, str, float, float]]:
    """Return env steps, name, and both values of every number of a run; what one side lacks is NaN there."""
    pairs = []
    for i in range(max(len(expected), len(trained))):
        before, after = point(expected, i), point(trained, i)
        env_steps = (after or before)["env_steps"]
        names = [*before, *(name for name in after if name not in before)]
        pairs += [(env_steps, name, before.get(name, np.nan), after.get(name, np.nan)) for name in names]
    return pairs


def point(curve: Curve, i: int) -> Numbers:
    """Return the numbers of an evaluation, none after the last one."""
    return curve[i] if i < len(curve) else {}


def equal(a: float, b: float) -> bool:
    """Return whether two numbers are the same, or both NaN."""
    return a == b or (np.isnan(a) and np.isnan(b))


def print_finals(expected: Curves, trained: Curves, keys: Sequence[str], other_seeds: Mapping[str, float]) -> None:
    """Print by how much final returns differ, and by how much they do between two seeds of a config."""
    ends = {key: (final(expected[key]), final(trained[key])) for key in keys}
    before, after = np.array([pair for pair in ends.values() if np.isfinite(pair).all()]).T
    print(f"  final returns, mean and 95 %: {with_interval(before)}, trained {with_interval(after)}")
    print(f"  trained minus expected: {with_interval(after - before)}")
    print(
        f"  its size: {with_interval(abs(after - before))}; rank correlation {statistics.spearman(before, after):.3f}"
    )
    pairs = np.array([(end, other_seeds[key]) for key, (end, _) in ends.items() if key in other_seeds])
    if len(pairs):
        one, other = pairs[np.isfinite(pairs).all(axis=1)].T
        size = with_interval(abs(one - other))
        print(f"  its size between two seeds: {size}; rank correlation {statistics.spearman(one, other):.3f}")


def with_interval(numbers: np.ndarray) -> str:
    """Return the mean of some numbers and its 95 % interval as text."""
    low, high = statistics.bootstrap(numbers[None], statistics.pooled_mean)
    return f"{numbers.mean():.2f} [{low:.2f}, {high:.2f}]"


def final(curve: Curve) -> float:
    """Return the final mean return of a run, NaN if it diverged."""
    return curve[-1]["return_mean"] if curve else np.nan


def gap(expected: Curves, trained: Curves, keys: Sequence[str]) -> float:
    """Return the largest difference of final mean returns, of runs that reached the same number of env steps."""
    ends = [(expected[key][-1], trained[key][-1]) for key in keys if expected[key] and trained[key]]
    gaps = [abs(a["return_mean"] - b["return_mean"]) for a, b in ends if a["env_steps"] == b["env_steps"]]
    return float(np.nanmax([0.0, *gaps]))


def made_with() -> dict[str, Any]:
    """Return the versions and the kind of device that runs are trained with."""
    return {name: {**provenance.now(), "cpu": cpu_model()}.get(name) for name in MADE_WITH}


def cpu_model() -> str:
    """Return the CPU's name, as Linux has it, else as Python has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def print_versions(before: Mapping[str, Any], after: Mapping[str, Any], path: Path) -> None:
    """Print what the numbers of a file and those of today were made with, where they differ."""
    changed = [name for name in MADE_WITH if before.get(name) != after.get(name)]
    for name in changed:
        print(f"{name}: {after.get(name)}, in {path} {before.get(name)}")
    if not changed:
        print(f"versions and device are those of {path}")


if __name__ == "__main__":
    main()
