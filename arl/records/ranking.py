"""The order of trials, by one rule for every sweep, report and comparison.

Of two completed trials the better one has the higher fidelity; else more seeds, as a mean of few is the luckier; else the
higher score. Equal scores are common where a score has a ceiling: then the larger area under the learning curve decides,
which says who learnt sooner and fell back less, then the score of the worst seed. Of full equals the earlier is the better.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from arl import scores
from arl.records.lineage import lineage
from arl.records.store import COMPLETED, TrialRecord

Curve = Sequence[tuple[int, float]]  # env steps and return at each evaluation


class Rank(NamedTuple):
    """The key by which trials are compared; the first field in which two differ decides.

    Attributes:
        area: under the learning curve, mean over the seeds; minus infinity if a return is NaN.
        worst: the lowest score of a seed.
    """

    fidelity: int
    num_seeds: int
    score: float
    area: float
    worst: float


def rank(trial: TrialRecord, trials: Mapping[int, TrialRecord]) -> Rank:
    """Return the key of a trial; `trials`: its ancestors among them, by id."""
    areas = [scores.area(*np.reshape(curve(trial, run.seed, trials), (-1, 2)).T) for run in trial.runs]
    return Rank(trial.fidelity, len(trial.seeds), trial.score, mean(areas), min(run.score for run in trial.runs))


def ranked(trials: Mapping[int, TrialRecord]) -> list[TrialRecord]:
    """Return the trials, the best first; those that diverged or failed come last."""

    def order(trial: TrialRecord) -> tuple:
        return *(-value for value in rank(trial, trials)), trial.trial

    return [trial for group in _equals(trials) for trial in (sorted(group, key=order) if len(group) > 1 else group)]


def ties(trials: Mapping[int, TrialRecord]) -> set[int]:
    """Return the ids of the completed trials whose learning curves decide where they stand among equals."""
    groups = [group for group in _equals(trials) if len(group) > 1 and group[0].status == COMPLETED]
    return {trial.trial for group in groups for trial in group}


def _equals(trials: Mapping[int, TrialRecord]) -> list[list[TrialRecord]]:
    """Return the trials, the best first, in groups that are equal in all but their learning curves."""

    def order(trial: TrialRecord) -> tuple:
        return trial.status != COMPLETED, -trial.fidelity, -len(trial.seeds), -trial.score

    return [list(group) for _, group in itertools.groupby(sorted(trials.values(), key=order), order)]


def curve(trial: TrialRecord, seed: int, trials: Mapping[int, TrialRecord]) -> Curve:
    """Return env steps and return at each evaluation of the agent that a trial ends with, its ancestors' included."""
    runs = [run for ancestor in lineage(trial, trials) for run in ancestor.runs if run.seed == seed]
    return [(point.env_steps, point.return_mean) for run in runs for point in run.points]


def mean(areas: Iterable[float]) -> float:
    """Return the mean of areas; minus infinity instead of NaN, which can't be compared."""
    value = float(np.mean(list(areas)))
    return value if math.isfinite(value) else -math.inf
