"""Scores: the numbers that trials are judged by. Higher is always better: what should be small is negated.

The score of a run comes from the learning curve of its agent from the first env step on, so a parent's curve is part of its
child's. The score of a trial combines those of its seeds. A run that diverged or failed has the worst score of the scale.

| score | of a run | of its seeds |
|---|---|---|
| `final` | the last evaluation | mean |
| `auc` | the mean over training: the area under the curve over its env steps | mean |
| `best` | the best evaluation | mean |
| `iqm` | the last evaluation | mean without the lowest and the highest quarter, each rounded down to whole seeds |
| `worst` | the last evaluation | lowest |
| `cvar` | the last evaluation | mean of the lowest quarter |
| `runtime` | minus the seconds that it took to train | mean |
| `parameters` | minus the number of parameters that are trained | mean |
"""

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from arl import statistics
from arl.errors import InputError, unknown
from arl.records.settings import DEFAULT_SCORE, TaskSettings
from arl.records.store import RunRecord, TrialRecord, lineage
from arl.records.sweep import SweepRecord

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

CVAR_SHARE = 0.25
LONGEST_SECONDS = 1e6
MOST_PARAMETERS = 1e9

Records = Mapping[int, TrialRecord]


class History(NamedTuple):
    """The training of an agent, its parents' included: env steps and return of each evaluation, seconds, and parameters."""

    env_steps: np.ndarray
    returns: np.ndarray
    seconds: float
    num_parameters: int


@dataclasses.dataclass(frozen=True)
class Score:
    """The score of a run, and how the scores of several seeds are combined.

    `min_seeds`: with fewer seeds, it would be the same as another score.
    `worst`: the lowest score; None stands for the worst return of the task.
    """

    of_run: Callable[[History], float]
    of_seeds: Callable[[np.ndarray], float] = np.mean
    min_seeds: int = 1
    worst: float | None = None


def _final(history: History) -> float:
    return history.returns[-1]


def _auc(history: History) -> float:
    """Return the mean return over training; each evaluation counts for the env steps since the one before."""
    return np.average(history.returns, weights=np.diff(history.env_steps, prepend=0))


def _cvar(values: np.ndarray) -> float:
    """Return the mean of the lowest `CVAR_SHARE` of the values; the last value within it may count in part."""
    weights = np.clip(CVAR_SHARE * len(values) - np.arange(len(values)), 0.0, 1.0)
    return np.average(np.sort(values), weights=weights)


SCORES: dict[str, Score] = {
    "final": Score(_final),
    "auc": Score(_auc),
    "best": Score(lambda history: history.returns.max()),
    "iqm": Score(_final, lambda values: float(statistics.iqm(values)), min_seeds=4),
    "worst": Score(_final, np.min, min_seeds=2),
    "cvar": Score(_final, _cvar, min_seeds=2),
    "runtime": Score(lambda history: -history.seconds, worst=-LONGEST_SECONDS),
    "parameters": Score(lambda history: -history.num_parameters, worst=-MOST_PARAMETERS),
}


def chosen(names: str | Sequence[str]) -> tuple[str, ...]:
    """Return names of scores as a tuple; they are given as a sequence, or as text with commas between.

    Raises:
        InputError: an unknown name, one given twice, or none.
    """
    chosen = tuple(name.strip() for name in (names.split(",") if isinstance(names, str) else names))
    for name in chosen:
        if name not in SCORES:
            raise unknown("score", name, SCORES)
    if len(set(chosen)) < len(chosen) or not chosen:
        raise InputError(f"score must name at least one score, each once, got {', '.join(chosen) or 'none'}")
    return chosen


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


def check_seeds(names: Sequence[str], num_seeds: int) -> None:
    """Refuse scores that so few seeds can't give."""
    for name in names:
        if num_seeds < SCORES[name].min_seeds:
            raise InputError(f"score {name!r} must have at least {SCORES[name].min_seeds} seeds, got {num_seeds}")


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


def curve(record: TrialRecord, seed: int, finished: Records) -> list[tuple[int, float]]:
    """Return env steps and return at each evaluation of the agent that a trial ends with, its ancestors' included."""
    runs = [run for trial in lineage(record, finished) for run in trial.runs if run.seed == seed]
    return [(point.env_steps, point.return_mean) for run in runs for point in run.points]


def _of_trial(name: str, record: TrialRecord, settings: TaskSettings, finished: Records) -> float:
    values = [_of_run(name, run, record, settings, finished) for run in record.runs]
    return float(SCORES[name].of_seeds(np.array(values)))


def _of_run(name: str, run: RunRecord, record: TrialRecord, settings: TaskSettings, finished: Records) -> float:
    measure = SCORES[name]
    worst = measure.worst if measure.worst is not None else settings.return_range[0]
    if run.status != "completed":
        return worst
    steps, returns = zip(*curve(record, run.seed, finished), strict=True)
    seconds = sum(part.seconds for trial in lineage(record, finished) for part in trial.runs if part.seed == run.seed)
    size = num_parameters(settings, record.config) if name == "parameters" else 0
    value = measure.of_run(History(np.array(steps), np.array(returns), seconds, size))
    return float(value) if math.isfinite(value) else worst


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
