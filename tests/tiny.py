"""The least that the upper layers can be tested with: one task, one structure of config, a few tuners.

All tests that train share these shapes, so that each program is compiled once and then found in the cache.
"""

import dataclasses
import math
import time
from datetime import UTC, datetime
from typing import ClassVar

from ConfigSpace import ConfigurationSpace, Float

from arl import spaces
from arl.records.settings import SweepSettings
from arl.records.store import PointRecord, RunRecord, TrialRecord
from hpo import results, tasks
from hpo.objectives import Objective
from hpo.progress import View
from hpo.trial import Trial

STATICS = {"num_envs": 4, "num_steps": 5, "num_epochs": 1, "minibatch_size": 16, "hidden_size": 32, "num_layers": 1}
ITERATION = 20
FIDELITY = 10 * ITERATION
PROVENANCE = {"jax": "0"}  # of the runs of `Parabola`
WORST = -9.0  # of ProbeMatching, whose scores are real numbers that hardly ever tie


def task(high: float = 0.1) -> tasks.Task:
    """Return PPO on ProbeMatching with all but the learning rate fixed, evaluated after each of ten iterations."""
    full = tasks.get("ppo/ProbeMatching", "full", FIDELITY)
    space = ConfigurationSpace(name="tiny", space=[Float("learning_rate", (1e-6, high), default=1e-3, log=True)])
    return dataclasses.replace(
        full, space=space, fixed={**full.fixed, **spaces.default(full.space), **STATICS, "learning_rate": 1e-3}
    )


def config(space: ConfigurationSpace, learning_rate: float) -> dict:
    """Return the default config with a learning rate, and in the full space with the shapes that all tests share."""
    changes = {"learning_rate": learning_rate, **STATICS}
    return spaces.default(space) | {name: value for name, value in changes.items() if name in space}


class Listed:
    """Asks for the trials it is given."""

    def __init__(self, trials: list[Trial]):
        self.trials = trials

    def ask(self, n):
        asked, self.trials = self.trials[:n], self.trials[n:]
        return asked

    def tell(self, results):
        pass


class Halving(Listed):
    """Four trials to a fifth of the fidelity, the better two on to two fifths, the better of them to the end.

    `pause`: seconds before each answer, which leave time to stop the sweep.
    """

    rungs = (4, 2, 1)

    def __init__(self, space, fidelity, pause=0.0):
        self.fidelity, self.pause, self.told = fidelity, pause, []
        rates = (1e-3, 3e-2, 3e-3, 1e-2)
        super().__init__([Trial(i, config(space, rate), fidelity // 5) for i, rate in enumerate(rates)])

    def ask(self, n):
        time.sleep(self.pause)
        return super().ask(n)

    def tell(self, results):
        self.told += results
        if len(self.told) == 4:
            self.promote(self.told, 2, 2 * self.fidelity // 5)
        if len(self.told) == 6:
            self.promote(self.told[4:], 1, self.fidelity)

    def promote(self, rung, num, fidelity):
        best = sorted(rung, key=lambda result: -result.score)[:num]
        first = len(self.told)
        self.trials = [Trial(first + i, r.trial.config, fidelity, parent=r.trial.id) for i, r in enumerate(best)]


class Fickle(Listed):
    """Answers by the time of day: it can't be resumed."""

    def __init__(self, space, fidelity):
        super().__init__([Trial(0, config(space, 1e-3 + datetime.now(UTC).microsecond * 1e-9), fidelity)])


class Parabola(Objective):
    """Stands in for training: a trial scores -(log10(learning_rate) + 2)^2 - seed % 1000, and results come last first.

    `trained`: the ids of the trials it was given, for all instances of a class; see `counting`.
    """

    shares_runs = True
    trained: ClassVar[list[int]] = []

    def __init__(self, task, seeds, batch=1):
        super().__init__(task, seeds, batch)
        self.compiled = 0.0

    @property
    def min_fidelity(self):
        return self.task.min_fidelity

    @property
    def mutable(self):
        return self.task.mutable

    def provenance(self):
        return PROVENANCE

    def costs(self):
        return {"compile": self.compiled, "train": 2 * self.compiled}

    def evaluate(self, trials, on_segment):
        self.compiled = 1.0
        for trial in reversed(trials):
            self.trained.append(trial.id)
            runs = [run_record(seed, parabola(trial.config) - seed % 1000) for seed in self.seeds_of(trial)]
            yield results.trial_record(trial, runs)


class StopAfter(View):
    """Presses Ctrl-C when so many trials are on record."""

    def __init__(self, num):
        self.num = num

    def trial(self, record):
        self.num -= 1
        if self.num == 0:
            raise KeyboardInterrupt


def counting(trained):
    """Return a `Parabola` whose instances append the ids of their trials to a list."""
    return type("Counting", (Parabola,), {"trained": trained})


def parabola(config):
    """Return the score that `Parabola` gives a config under seed 0."""
    return -((math.log10(config["learning_rate"]) + 2) ** 2)


def sweep_settings(**changes) -> SweepSettings:
    """Return the settings of a sweep on the tiny task, with changes; `task` may be a dict of changes to the task's."""
    task_settings = dataclasses.replace(task().settings(), **changes.pop("task", {}))
    made = SweepSettings(task=task_settings, tuner="random", seeds=(0, 1), batch=1)
    return dataclasses.replace(made, **changes)


def outcome(record):
    """Return the frames of a sweep without the columns that differ from one time to the next."""
    timed = ["seconds", "finished_at"]
    return [frame.drop(columns=timed, errors="ignore") for frame in (record.trials, record.runs, record.curves)]


def trial_record(trial=0, score=1.0, seeds=(0,), status="completed", runs=None, **changes) -> TrialRecord:
    """Return the record of a trial of two points under each seed; if no runs are given, seed s scores `score + s`."""
    runs = runs or [run_record(seed, score + seed, status) for seed in seeds]
    mean = sum(run.score for run in runs) / len(runs)
    made = TrialRecord(trial, {"learning_rate": 0.5}, 10, None, list(seeds), status, mean, runs)
    return dataclasses.replace(made, **changes)


def run_record(seed, score, status="completed") -> RunRecord:
    """Return the record of a run that starts at return 0 and ends at its score, or at NaN."""
    end = float("nan") if status == "diverged" else score
    points = [PointRecord(5, 0.0, 0.5, 1.0, {"entropy": 0.5}), PointRecord(10, end, 0.25, 2.0, {"entropy": 0.25})]
    return RunRecord(seed, status, score, 10, 0.125, PROVENANCE, points)
