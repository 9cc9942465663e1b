"""Reproduction of recorded runs: a run is trained again from its record, and the two are compared number by number.

A run is the same to the last bit under the same versions, on the same kind of device and in the same lanes (width and
rows); so lanes are those of the record, filled with copies of the run.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arl.errors import InputError
from arl.records.lineage import lineage
from arl.records.store import PointRecord, RunRecord, Store, TrialRecord, finite_or_none
from arl.records.sweep import load_sweep
from arl.text import plural
from arl.training import backend, provenance
from arl.training.provenance import SAME
from arl.training.runner import Runner
from hpo import tasks
from hpo.objectives.tabular import Exact
from hpo.objectives.training import Training
from hpo.tasks import Task
from hpo.trial import Trial
from landscapes import catalogue


@dataclasses.dataclass(frozen=True)
class Reproduction:
    """A recorded run and the same run trained again.

    Attributes:
        before, now: versions and device that each was trained with, by the names in `SAME`.
        tolerance: what mean returns may differ by at each point, as a part of the task's return range, where the two were
            not trained alike.
    """

    trial: int
    recorded: RunRecord
    trained: RunRecord
    before: Mapping[str, Any]
    now: Mapping[str, Any]
    return_range: tuple[float, float]
    tolerance: float

    @property
    def same(self) -> bool:
        """Whether every number of every point is the same to the last bit."""
        return self.recorded.status == self.trained.status and all(_equal(a, b) for a, b in self._pairs)

    @property
    def alike(self) -> bool:
        """Whether versions and kind of device are those of the record."""
        return dict(self.before) == dict(self.now)

    @property
    def difference(self) -> float:
        """The largest difference of mean returns at a point, as a part of the return range; infinite if one run diverged."""
        worst, best = self.return_range
        gaps = [_gap(a.return_mean, b.return_mean) / (best - worst) for a, b in self._pairs]
        return max(gaps, default=0.0)

    @property
    def _pairs(self) -> list[tuple[PointRecord, PointRecord]]:
        """Points of both, from the last on: older records of continued runs begin with their parent's last evaluation."""
        return list(zip(reversed(self.recorded.points), reversed(self.trained.points), strict=False))

    @property
    def agrees(self) -> bool:
        """Whether the runs are the same bit for bit, or within the tolerance if they were not trained alike."""
        return self.same or (not self.alike and self.difference <= self.tolerance)

    def summary(self) -> dict[str, Any]:
        """Return the comparison of the two runs as JSON values."""
        return {
            "trial": self.trial,
            "seed": self.recorded.seed,
            "recorded": finite_or_none(self.recorded.points[-1].return_mean),
            "trained": finite_or_none(self.trained.points[-1].return_mean),
            "same": self.same,
            "agrees": self.agrees,
            "difference": self.difference,
            "tolerance": self.tolerance,
            "before": dict(self.before),
            "now": dict(self.now),
        }

    def lines(self) -> list[str]:
        """Return the comparison of the two runs as lines for the terminal."""
        run = self.recorded
        changed = [
            f"{key} {self.before[key] or 'not recorded'}, now {self.now[key]}"
            for key in SAME
            if self.before[key] != self.now[key]
        ]
        share = f"mean returns differ by up to {self.difference:.2%} of their range"
        verdict = "the same, bit for bit" if self.same else f"not the same: {share}"
        if not self.same and changed:
            verdict += f"; {'within' if self.agrees else 'beyond'} the tolerance of {self.tolerance:.0%}"
        return [
            f"trial {self.trial}, seed {run.seed}: {run.env_steps:,} env steps, {plural(len(run.points), 'point')}; "
            f"last return {run.points[-1].return_mean:.4g} recorded, {self.trained.points[-1].return_mean:.4g} now",
            f"recorded with {'; '.join(changed)}"
            if changed
            else "recorded with the same versions on the same kind of device",
            verdict,
        ]


def reproduce(
    name: str,
    trial: int | None = None,
    seed: int | None = None,
    store: Store | str | Path | None = None,
    tolerance: float = 0.05,
) -> Reproduction:
    """Train one run of a sweep, or of a landscape (its trials are the configs), again.

    Args:
        name: of the sweep or the landscape.
        trial: its number; the best by default.
        seed: the trial's first by default.
        store: where the sweep is recorded.
        tolerance: see `Reproduction`.

    Raises:
        InputError: no such sweep, landscape, trial or seed; a run that was not trained; a tolerance outside [0, 1].
    """
    if not 0 <= tolerance <= 1:
        raise InputError(f"tolerance must be in [0, 1], got {tolerance}")
    source = _of_landscape(name) if "/" in name else _of_sweep(name, store)
    number = source.best if trial is None else trial
    if number not in source.records:
        raise InputError(f"trial must be one of the {len(source.records)} of {name!r}, got {number}")
    record = source.records[number]
    runs = {run.seed: run for run in record.runs}
    chosen = record.seeds[0] if seed is None else seed
    if chosen not in runs:
        raise InputError(f"seed must be one of {', '.join(map(str, runs))} of trial {number}, got {chosen}")
    run = runs[chosen]
    if run.outcome.merged is not None:
        return reproduce(name, run.outcome.merged, chosen, store, tolerance)
    if not run.points:
        raise InputError(f"trial {number} of {name!r} must have been trained, got status {run.status!r}")
    if source.lanes is None and "width" not in run.provenance:
        raise InputError(f"trial {number} of {name!r} must have been trained, got an answer of a landscape")
    lanes = source.lanes or run.provenance
    trained = _train(source.task, record, chosen, (lanes["width"], lanes["rows"]), source.records)
    now = provenance.now()
    before = {**source.provenance, **run.provenance}
    return Reproduction(
        number,
        run,
        trained,
        {key: before.get(key) for key in SAME},
        {key: now.get(key) for key in SAME},
        source.task.return_range,
        tolerance,
    )


@dataclasses.dataclass(frozen=True)
class _Source:
    """The sweep or landscape that a run is taken from; `lanes`: of all its runs, None where each run records its own."""

    task: Task
    records: Mapping[int, TrialRecord]
    best: int
    provenance: Mapping[str, Any]
    lanes: Mapping[str, int] | None = None


def _of_sweep(name: str, store: Store | str | Path | None) -> _Source:
    record = load_sweep(name, store)
    if not record.records:
        raise InputError(f"sweep {name!r} must have a finished trial, got none")
    return _Source(
        tasks.of_record(record.settings.task, record.space), record.records, record.ranked[0].trial, record.provenance
    )


def _of_landscape(name: str) -> _Source:
    landscape = catalogue.get(name)
    if landscape.source is not None:
        raise InputError(f"landscape {name} must have been made here to be reproduced, got one {landscape.made_with}")
    lanes = landscape.metadata["lanes"]
    if not isinstance(lanes, Mapping):
        raise InputError(f"landscape {name!r} must have been trained in one width of lanes, got {lanes}")
    table = Exact.on(landscape)
    trials = [Trial(i, config, table.task.fidelity) for i, config in enumerate(landscape.plain_configs)]
    records = {record.trial: record for record in table.evaluate(trials)}
    best = max(records.values(), key=lambda trial: trial.score)
    task = tasks.of_record(landscape.settings, landscape.metadata["space"])
    return _Source(task, records, best.trial, landscape.provenance, lanes)


def _train(
    task: Task, record: TrialRecord, seed: int, lanes: tuple[int, int], records: Mapping[int, TrialRecord]
) -> RunRecord:
    """Train a run again, after the runs that it goes on from, and return its record."""
    backend.setup()
    runner = Runner(task.algorithm, task.env, 1, 1, task.num_episodes, lanes=lanes)
    objective = Training(task, [seed], 1, runner)
    trials = [_asked(link) for link in lineage(record, records)]
    objective.remember(trials)
    (trained,) = objective.evaluate(trials[-1:])
    return trained.runs[0]


def _asked(record: TrialRecord) -> Trial:
    return Trial(record.trial, record.config, record.fidelity, record.parent, network_seed=record.network_seed)


def _equal(a: PointRecord, b: PointRecord) -> bool:
    numbers = [[x.env_steps, x.return_mean, x.return_std, x.episode_length_mean, *_sorted(x.metrics)] for x in (a, b)]
    return all(x == y or (math.isnan(x) and math.isnan(y)) for x, y in zip(*numbers, strict=True))


def _sorted(metrics: Mapping[str, float]) -> Sequence[float]:
    return [metrics[name] for name in sorted(metrics)]


def _gap(a: float, b: float) -> float:
    if math.isnan(a) or math.isnan(b):
        return 0.0 if math.isnan(a) and math.isnan(b) else math.inf
    return abs(a - b)
