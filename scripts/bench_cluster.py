"""Measure what a cluster costs on one machine: the same sweep in this process, and on workers with one core each.

Both programs run one after the other, in pairs whose order alternates, with all that they cost: start-up, training, records.
Programs are compiled before, by one sweep of each that is not counted. CPU seconds are those of the command and of all
processes that it starts. The ratios' intervals are of Student's t over the logarithms of the pairs' ratios, at 95 %.

    .venv/bin/python scripts/bench_cluster.py [--pairs 5] [--trials 64] [--workers 2] [--task ppo/CartPole-v1]
"""

import argparse
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

import hpo

ARL = Path(sys.executable).with_name("arl")
LEVEL = 0.95
HERE, CLUSTER = "here", "cluster"
TIMED = ["seconds", "finished_at", "provenance"]


class Taken(NamedTuple):
    """Seconds that a sweep took."""

    wall: float
    cpu: float


def measured(words: Sequence[str], folder: Path) -> Taken:
    """Return what a command took."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([ARL, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(time.perf_counter() - started, cpu)


def sweep(kind: str, number: int, folder: Path, args: argparse.Namespace) -> Taken:
    """Run a sweep of a kind; return what it took."""
    words = f"sweep {args.task} --tuner random --trials {args.trials} --seeds 1 --name {kind}-{number}".split()
    return measured([*words, *(["--cluster", f"local:{args.workers}"] if kind == CLUSTER else [])], folder)


def assert_same(number: int, folder: Path) -> None:
    """Check that both sweeps of a pair have the same records."""
    store = folder / "results" / "store.sqlite"
    here, other = (hpo.load_sweep(f"{kind}-{number}", store) for kind in (HERE, CLUSTER))
    for name in ("trials", "runs", "curves"):
        frames = (getattr(record, name).drop(columns=TIMED, errors="ignore") for record in (here, other))
        pd.testing.assert_frame_equal(*frames, check_exact=True)


def ratio(values: Sequence[float], others: Sequence[float]) -> str:
    """Return the geometric mean of ratios with its interval."""
    logs = np.log(np.divide(values, others))
    mean, error = logs.mean(), logs.std(ddof=1) / np.sqrt(len(logs))
    low, high = np.exp(stats.t.interval(LEVEL, len(logs) - 1, mean, error))
    return f"{np.exp(mean):.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--task", default="ppo/CartPole-v1")
    args = parser.parse_args()
    if args.pairs < 2:
        parser.error(f"an interval needs at least 2 pairs, got {args.pairs}")
    taken: dict[str, list[Taken]] = {HERE: [], CLUSTER: []}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for number, order in zip(range(args.pairs + 1), itertools.cycle([(HERE, CLUSTER), (CLUSTER, HERE)])):
            pair = {kind: sweep(kind, number, folder, args) for kind in order}
            assert_same(number, folder)
            print(
                f"{number}: " + ", ".join(f"{kind} {wall:.1f} s, {cpu:.1f} CPU s" for kind, (wall, cpu) in pair.items())
            )
            for kind, seconds in pair.items() if number else ():
                taken[kind].append(seconds)
    for name in Taken._fields:
        here, other = ([getattr(seconds, name) for seconds in taken[kind]] for kind in (HERE, CLUSTER))
        print(f"{name}: {CLUSTER} / {HERE} {ratio(other, here)} over {args.pairs} pairs, pair 0 not counted")


if __name__ == "__main__":
    main()
