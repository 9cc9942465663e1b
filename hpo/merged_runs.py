"""Runs of a sweep that its later trials take over: a config that gets more seeds is trained under the new ones only."""

import dataclasses
from collections.abc import Mapping, Sequence

from arl.records.lineage import Origin, lineage, origin
from arl.records.ranking import curve
from arl.records.store import FAILED, PointRecord, RunRecord, TrialRecord
from hpo.results import trial_record
from hpo.trial import Trial


class MergedRuns:
    """The runs that a sweep has trained, by how their agents were trained and by their seeds.

    A run that is taken over trains nothing, and names the trial that trained it in its outcome, under `merged`. Failed runs
    are not taken over.

    Args:
        finished: the finished trials of the sweep by id, a dict that grows.
    """

    def __init__(self, finished: Mapping[int, TrialRecord]):
        self.finished = finished
        self.trained: dict[tuple[Origin, int], int] = {}

    def add(self, record: TrialRecord) -> None:
        """Add the runs of a finished trial; those that it took over stay with the trial that trained them."""
        agent = origin(record, self.finished)
        for run in record.runs:
            if run.status != FAILED:
                self.trained.setdefault((agent, run.seed), record.trial)

    def find(self, trial: Trial, seeds: Sequence[int], asked: Mapping[int, Trial]) -> list[RunRecord]:
        """Return those of a trial's runs that are trained already; `asked`: the trials of the sweep by id."""
        agent = origin(trial, asked)
        sources = {seed: self.trained[agent, seed] for seed in seeds if (agent, seed) in self.trained}
        return [self._merged(trial, seed, source) for seed, source in sources.items()]

    def _merged(self, trial: Trial, seed: int, source: int) -> RunRecord:
        record = self.finished[source]
        run = next(run for run in record.runs if run.seed == seed)
        outcome = dataclasses.replace(run.outcome, merged=source)
        points = self._points(trial, seed, record)
        return dataclasses.replace(run, env_steps=0, seconds=0.0, points=points, outcome=outcome)

    def _points(self, trial: Trial, seed: int, record: TrialRecord) -> list[PointRecord]:
        """Return the evaluations of the agent that a record ends with, from where the trial's parent ends."""
        line = lineage(record, self.finished)
        if trial.parent is None:
            return _points(line, seed)
        parent = self.finished[trial.parent]
        origins = [origin(ancestor, self.finished) for ancestor in line]
        if (of_parent := origin(parent, self.finished)) in origins:
            return _points(line[origins.index(of_parent) + 1 :], seed)
        start = curve(parent, seed, self.finished)[-1][0]
        return [point for point in _points(line, seed) if point.env_steps > start]


def _points(line: Sequence[TrialRecord], seed: int) -> list[PointRecord]:
    return [point for record in line for run in record.runs if run.seed == seed for point in run.points]


def completed(trial: Trial, seeds: Sequence[int], runs: Sequence[RunRecord]) -> TrialRecord:
    """Return the record of a trial of which some runs are merged.

    All runs have the evaluations that they have in common: a config that was promoted has further ones, at its rungs.
    """
    by_seed = {run.seed: run for run in runs}
    steps = [{point.env_steps for point in run.points} for run in runs if run.status != FAILED]
    common = set.intersection(*steps) if steps else set()
    return trial_record(trial, [_at(by_seed[seed], common) for seed in seeds])


def _at(run: RunRecord, env_steps: set[int]) -> RunRecord:
    """Return a merged run with its first evaluation at each of these env steps; another run as it is."""
    if run.outcome.merged is None:
        return run
    points: dict[int, PointRecord] = {}
    for point in run.points:
        if point.env_steps in env_steps:
            points.setdefault(point.env_steps, point)
    return dataclasses.replace(run, points=list(points.values()))


def independent(trials: Sequence[Trial], asked: Mapping[int, Trial], seeds: Sequence[int]) -> list[Trial]:
    """Return those trials no run of which is also one of an earlier trial; `seeds`: of a trial that names none."""
    chosen, runs = list[Trial](), set[tuple[Origin, int]]()
    for trial in trials:
        of_trial = runs_of(trial, asked, seeds)
        if not of_trial & runs:
            chosen.append(trial)
        runs |= of_trial
    return chosen


def runs_of(trial: Trial, asked: Mapping[int, Trial], seeds: Sequence[int]) -> set[tuple[Origin, int]]:
    """Return the runs of a trial, by how their agents are trained and by their seeds; `seeds`: of a trial that names none."""
    agent = origin(trial, asked)
    return {(agent, seed) for seed in trial.seeds or seeds}
