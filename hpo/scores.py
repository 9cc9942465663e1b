"""Scores: the numbers that trials are judged by. Higher is always better: what should be small is negated.

The score of a run comes from the learning curve of its agent from the first env step on, so a parent's curve is part of its
child's. The score of a trial combines those of its seeds. A run that diverged or failed has the worst score of the scale.
The scores by name are those of `arl.scores`.
"""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from arl.errors import InputError, unknown
from arl.records.ranking import curve
from arl.records.settings import DEFAULT_SCORE, TaskSettings
from arl.records.store import RunRecord, TrialRecord
from arl.records.sweep import SweepRecord
from arl.scores import SCORES, History, check_seeds, chosen

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Records = Mapping[int, TrialRecord]


def check(names: Sequence[str], settings: TaskSettings, space: "ConfigurationSpace", num_seeds: int) -> None:
    """Refuse scores that a task can't give.

    Raises:
        InputError: too few seeds, or a number of parameters that no hyperparameter of the space changes.
    """
    check_seeds(names, num_seeds)
    if "parameters" in names and len(numbers := _numbers_of_parameters(settings, space)) == 1:
        raise InputError(f"score 'parameters' must differ in the space, got {numbers.pop():,} for every config")


def check_sources(names: Sequence[str], sources: Collection[str]) -> None:
    """Refuse scores that a landscape can't give: it measures no time, and may answer with an agent of another size.

    `sources`: the sources of the runs, as their outcomes name them; none where every run is trained.

    Raises:
        InputError: `runtime`, or `parameters` where configs are answered that are not recorded.
    """
    answered = ", ".join(sorted(sources))
    if "runtime" in names and sources:
        raise InputError(f"score 'runtime' must be measured in training, got answers of a landscape ({answered})")
    if "parameters" in names and not set(sources) <= {"exact"}:
        raise InputError(
            f"score 'parameters' must be of the config itself, got answers of a landscape for others ({answered})"
        )


def score(record: TrialRecord, names: Sequence[str], settings: TaskSettings, finished: Records) -> TrialRecord:
    """Return the record with the first score in place of its own and its runs' scores; `finished` holds its ancestors."""
    if names[0] == DEFAULT_SCORE:  # it is what training gives
        return record
    runs = [dataclasses.replace(run, score=_of_run(names[0], run, record, settings, finished)) for run in record.runs]
    together = SCORES[names[0]].of_seeds(np.array([run.score for run in runs]))
    return dataclasses.replace(record, score=float(together), runs=runs)


def several(record: TrialRecord, names: Sequence[str], settings: TaskSettings, finished: Records) -> dict[str, float]:
    """Return scores of a trial by name; `finished` holds its ancestors."""
    return {name: _of_trial(name, record, settings, finished) for name in names}


def table(record: SweepRecord, names: str | Sequence[str], metrics: Sequence[str] = ()) -> pd.DataFrame:
    """Return a row per trial of a sweep: its status, scores and training metrics (means over seeds, of the last segment)."""
    columns = chosen(names)
    runs = [run for trial in record.records.values() for run in trial.runs]
    check_sources(columns, {run.outcome.source for run in runs if run.outcome.source is not None})
    rows = [
        {
            "trial": trial.trial,
            "fidelity": trial.fidelity,
            "num_seeds": len(trial.seeds),
            "status": trial.status,
            **several(trial, columns, record.settings.task, record.records),
            **_last_metrics(trial, metrics),
        }
        for trial in record.records.values()
    ]
    return pd.DataFrame(
        rows, columns=["trial", "fidelity", "num_seeds", "status", *columns, *(m for m in metrics if m not in columns)]
    )


def front(
    record: SweepRecord, names: str | Sequence[str], bounds: Mapping[str, tuple[float, float]] | None = None
) -> pd.DataFrame:
    """Return the Pareto front of a sweep: those of its completed trials that no other beats in every score.

    Only trials of the highest fidelity, and of the most seeds, are compared.

    `bounds`: the lowest and highest allowed value of scores and training metrics; what lies outside is left out.

    Raises:
        InputError: an unknown score, or a bound on what is neither a score nor a metric.
    """
    bounds = bounds or {}
    metrics = [name for name in bounds if name not in SCORES]
    scores = chosen(names)
    trials = table(record, (*scores, *(name for name in bounds if name in SCORES and name not in scores)), metrics)
    trials = trials[trials.status == "completed"]
    for rank in ("fidelity", "num_seeds"):
        trials = trials[trials[rank] == trials[rank].max()]
    for name, (low, high) in bounds.items():
        if trials[name].isna().all() and len(trials):
            raise unknown("score or metric", name, [*SCORES, *_metrics(record)])
        trials = trials[trials[name].between(low, high)]
    best = trials[pareto(trials[list(scores)].to_numpy(float))]
    return best.sort_values(scores[0], ascending=False, ignore_index=True)


def pareto(values: np.ndarray) -> np.ndarray:
    """Return which rows of `(trial, score)` are on the front: none is at least as good in all scores and better in one."""
    at_least, better = (
        compare(values[:, None], values[None]) for compare in (np.greater_equal, np.greater)
    )  # (by, of, score)
    return ~np.any(at_least.all(axis=-1) & better.any(axis=-1), axis=0)


def hypervolume(values: np.ndarray, reference: Sequence[float]) -> float:
    """Return the volume that the rows of `(trial, score)` dominate above a reference point, exactly."""
    import moocore

    return float(moocore.hypervolume(np.reshape(values, (-1, len(reference))), ref=reference, maximise=True))


def _of_trial(name: str, record: TrialRecord, settings: TaskSettings, finished: Records) -> float:
    values = [_of_run(name, run, record, settings, finished) for run in record.runs]
    return float(SCORES[name].of_seeds(np.array(values)))


def _of_run(name: str, run: RunRecord, record: TrialRecord, settings: TaskSettings, finished: Records) -> float:
    measure = SCORES[name]
    worst = measure.worst if measure.worst is not None else settings.return_range[0]
    if run.status != "completed":
        return worst
    seconds = _seconds(record, run, finished)
    size = num_parameters(settings, record.config) if name == "parameters" else 0
    steps, returns = zip(*curve(record, run.seed, finished), strict=True)
    value = measure.of_run(History(np.array(steps), np.array(returns), seconds, size))
    return float(value) if math.isfinite(value) else worst


def _seconds(record: TrialRecord, run: RunRecord, finished: Records) -> float:
    """Return how long the agent of a run was trained, by its ancestors, too, or by the trial whose run was taken over."""
    if run.outcome.merged is not None:
        source = finished[run.outcome.merged]
        return _seconds(source, _run_of(source, run.seed), finished)
    parent = None if record.parent is None else finished[record.parent]
    before = _seconds(parent, _run_of(parent, run.seed), finished) if parent else 0.0
    return before + run.seconds


def _run_of(record: TrialRecord, seed: int) -> RunRecord:
    return next(run for run in record.runs if run.seed == seed)


def num_parameters(settings: TaskSettings, config: Mapping[str, Any]) -> int:
    """Return how many parameters an agent of a config trains; targets, statistics and replay do not count."""
    from arl import algorithms
    from arl import config as configs
    from envs import vector

    algorithm = algorithms.get(settings.algorithm)
    full: Any = configs.make(algorithm.Config, configs.split({**settings.fixed, **config})[0])
    return algorithms.num_parameters(algorithm, full, vector.make(settings.env))


def _numbers_of_parameters(settings: TaskSettings, space: "ConfigurationSpace") -> set[int]:
    """Return the numbers of trained parameters that occur among the default config and its neighbours."""
    from arl import spaces

    return {num_parameters(settings, config) for config in spaces.near_default(space)}


def _last_metrics(record: TrialRecord, names: Sequence[str]) -> dict[str, float]:
    last = [run.points[-1].metrics for run in record.runs if run.points]
    return {name: float(np.mean([metrics.get(name, math.nan) for metrics in last] or [math.nan])) for name in names}


def _metrics(record: SweepRecord) -> list[str]:
    """Return the names of the training metrics of a sweep's algorithm."""
    points = (point for trial in record.records.values() for run in trial.runs for point in run.points)
    return list(next((point.metrics for point in points), ()))
