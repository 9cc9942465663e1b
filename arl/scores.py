"""Scores: the numbers that runs are judged by. Higher is always better: what should be small is negated.

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
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from arl import statistics
from arl.errors import InputError, unknown

CVAR_SHARE = 0.25
LONGEST_SECONDS = 1e6
MOST_PARAMETERS = 1e9


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


def area(env_steps: np.ndarray, returns: np.ndarray, start: int = 0) -> float:
    """Return the mean return over training from `start` on: the area under the learning curve over its env steps.

    Each evaluation counts for the env steps since the one before; NaN if there are none.
    """
    weights = np.diff(env_steps, prepend=start)
    return float(np.average(returns, weights=weights)) if weights.any() else math.nan


def _auc(history: History) -> float:
    return area(history.env_steps, history.returns)


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


def check_seeds(names: Sequence[str], num_seeds: int) -> None:
    """Refuse scores that so few seeds can't give."""
    for name in names:
        if num_seeds < SCORES[name].min_seeds:
            raise InputError(f"score {name!r} must have at least {SCORES[name].min_seeds} seeds, got {num_seeds}")
