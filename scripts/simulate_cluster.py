"""Simulate an asynchronous sweep on many workers, which sleep as long as training would take; measure how busy they are.

Workers share a few processes, in whose event loops they sleep: what is measured is the driver, with its scheduler, the
tuner and the store. The seconds of a full run are lognormal; a run of a lower fidelity takes its share. Workers are cut off
at random and replaced after a second. A sweep ends with its longest runs, while other workers have nothing to do: they are
counted as long as there are runs to begin.

    .venv/bin/python scripts/simulate_cluster.py [--workers 256] [--trials 10000] [--tuner asha random] [--seconds 60]
"""

import argparse
import asyncio
import contextlib
import logging
import multiprocessing
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import dask
import distributed
import numpy as np
import psutil

from arl.records.store import COMPLETED, PointRecord, RunRecord, Store, TrialRecord
from hpo import plans, sweeps
from hpo.cluster import connection
from hpo.cluster.connection import Calls, Cluster, Sent
from hpo.objectives import Objective, OnSegment
from hpo.objectives.base import ignore
from hpo.results import trial_record
from hpo.tasks import Task
from hpo.trial import Trial

TASK = "ppo/CartPole-v1"
SIGMA = 1.0  # of the logarithm of a run's seconds: one run in a hundred takes more than six times the mean
LONGEST = 10.0  # times the mean: of 10,000 lognormal numbers, one would be 60 times the mean
SECONDS_TO_RETURN = 1.0
WORKERS_OF_PROCESS = 500
QUIET = {  # what workers that share a process do without: each would sample the process every 10 ms
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "60s",
}


async def sleep(seconds: float) -> tuple[float, float]:
    """Sleep; return when that began and ended."""
    begun = time.time()
    await asyncio.sleep(seconds)
    return begun, time.time()


class Sleeping(Objective):
    """Answers a trial with a score of chance, after as long as its run would take.

    Attributes:
        slept: when each run began and ended.
        last_begun: when the last trials were sent out.
    """

    def __init__(self, task: Task, seeds: Sequence[int], cluster: Cluster, num_workers: int, mean: float):
        super().__init__(task, seeds)
        self.calls, self.num_workers, self.mean = Calls(cluster), num_workers, mean
        self.training: dict[int, Trial] = {}
        self.fidelities: dict[int, int] = {}
        self.slept = list[tuple[float, float]]()
        self.last_begun = 0.0

    @property
    def min_fidelity(self) -> int:
        return self.task.min_fidelity

    @property
    def mutable(self) -> frozenset[str]:
        return self.task.mutable

    def room(self) -> int:
        return self.num_workers - len(self.training)

    def start(self, trials: Sequence[Trial]) -> None:
        self.last_begun = time.time()
        for trial in trials:
            self.fidelities[trial.id] = trial.fidelity
            self.training[trial.id] = trial
            self.calls.submit(Sent(sleep, self._seconds(trial), trial.id))

    def _seconds(self, trial: Trial) -> float:
        begun = 0 if trial.parent is None else self.fidelities[trial.parent]
        drawn = min(LONGEST, np.random.default_rng(trial.id).lognormal(-(SIGMA**2) / 2, SIGMA))
        return float(self.mean * drawn * (trial.fidelity - begun) / self.task.fidelity)

    def wait(self, on_segment: OnSegment) -> list[TrialRecord]:
        records = list[TrialRecord]()
        while not records or self.calls.is_ready:
            try:
                number, slept = self.calls.next(time.monotonic() + 0.1 if records else None)
            except TimeoutError:
                break
            self.slept.append(slept)
            records.append(self._record(self.training.pop(number)))
        return records

    def _record(self, trial: Trial) -> TrialRecord:
        score = float(np.random.default_rng([trial.id, 1]).normal())
        point = PointRecord(trial.fidelity, score, 0.0, 1.0, {})
        return trial_record(trial, [RunRecord(seed, COMPLETED, score, 0, 0.0, {}, [point]) for seed in self.seeds])

    def stop(self) -> None:
        self.calls.cancel()

    def evaluate(self, trials: Sequence[Trial], on_segment: OnSegment = ignore) -> Iterator[TrialRecord]:
        self.start(trials)
        while self.training:
            yield from self.wait(on_segment)

    def slept_until(self, end: float) -> float:
        """Return the seconds that workers slept before an end."""
        return sum(max(0.0, min(ended, end) - begun) for begun, ended in self.slept)


def work(address: str, number: int, deaths_a_minute: float, seed: int) -> None:
    """Run workers in one process until it is ended."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
    asyncio.run(_work(address, number, deaths_a_minute, random.Random(seed)))


async def _work(address: str, number: int, deaths_a_minute: float, chance: random.Random) -> None:
    with dask.config.set(QUIET):
        await asyncio.gather(*(_live_and_die(address, deaths_a_minute, chance) for _ in range(number)))


async def _live_and_die(address: str, deaths_a_minute: float, chance: random.Random) -> None:
    """Run one worker after the other; each is cut off after a time of chance, as where its machine dies."""
    while True:
        worker = await distributed.Worker(address, nthreads=1, memory_limit=0, dashboard=False)
        await asyncio.sleep(chance.expovariate(deaths_a_minute / 60) if deaths_a_minute else 1e9)
        worker.batched_stream.comm.abort()
        await worker.close(timeout=0, executor_wait=False, nanny=False)
        await asyncio.sleep(SECONDS_TO_RETURN)


@contextlib.contextmanager
def workers(address: str, number: int, deaths_a_minute: float) -> Iterator[list[BaseProcess]]:
    """Give the processes of so many workers."""
    sizes = [min(WORKERS_OF_PROCESS, number - first) for first in range(0, number, WORKERS_OF_PROCESS)]
    spawn = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = [
        spawn.Process(target=work, args=(address, size, deaths_a_minute, i), daemon=True)
        for i, size in enumerate(sizes)
    ]
    for process in processes:
        process.start()
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()


def simulate(tuner: str, num_workers: int, num_trials: int, mean: float, deaths_a_minute: float) -> dict[str, float]:
    """Return what a sweep took, see `main`."""
    with (
        tempfile.TemporaryDirectory() as folder,
        dask.config.set(connection.CONFIG),
        distributed.LocalCluster(n_workers=0, dashboard_address=":0", silence_logs=logging.CRITICAL + 1) as scheduler,
        distributed.Client(scheduler, set_as_default=False) as client,
        workers(scheduler.scheduler_address, num_workers, deaths_a_minute),
    ):
        client.wait_for_workers(num_workers, timeout=600)
        cluster = Cluster(client)
        plan = plans.plan(TASK, tuner, trials=num_trials, budget=float(num_trials), seeds=1, batch=1, asynchronous=True)
        objective = Sleeping(plan.task, plan.settings.seeds, cluster, num_workers, mean)
        store = Store(Path(folder) / "store.sqlite")
        sweep = sweeps.make(plan, tuner, objective, "simulated", store, sweeps.View())
        driver = psutil.Process()
        started, cpu, memory = time.time(), sum(driver.cpu_times()[:2]), driver.memory_info().rss
        record = sweep.run()
        seconds, begun = time.time() - started, objective.last_begun - started
        return {
            "trials": len(record.records),
            "seconds": seconds,
            "results_a_second": sum(ended < objective.last_begun for _, ended in objective.slept) / begun,
            "utilisation": objective.slept_until(objective.last_begun) / begun / num_workers,
            "utilisation_to_the_end": objective.slept_until(time.time()) / seconds / num_workers,
            "driver_cores": (sum(driver.cpu_times()[:2]) - cpu) / seconds,
            "driver_mb_before": memory / 2**20,
            "driver_mb_more": (driver.memory_info().rss - memory) / 2**20,
            "workers_lost": cluster.num_lost,
            "tuner_seconds": record.timing["tuner"],
            "store_seconds": record.timing["store"],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[256])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--tuner", nargs="+", default=["asha", "random"])
    parser.add_argument("--seconds", type=float, default=60.0, help="mean of a full run")
    parser.add_argument("--deaths", type=float, default=0.01, help="share of the workers that dies in a minute")
    args = parser.parse_args()
    for tuner in args.tuner:
        for num_workers in args.workers:
            taken = simulate(tuner, num_workers, args.trials, args.seconds, args.deaths)
            print(
                f"{tuner}, {num_workers} workers: " + ", ".join(f"{name} {value:.4g}" for name, value in taken.items()),
                flush=True,
            )


if __name__ == "__main__":
    main()
