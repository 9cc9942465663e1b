"""Scales of scores: on each task of a comparison, 0 is the score of the median random config and 1 the best on record.

So every task counts alike, however narrow the part of its returns in which configs differ.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from arl.errors import InputError
from arl.records.store import TrialRecord
from hpo.tasks import Task
from landscapes import catalogue, scoring

if TYPE_CHECKING:
    from hpo.objectives import ObjectiveLike

LOWEST = -1.0  # of normalised scores: no single failure outweighs what is won elsewhere
NARROWEST = 0.01  # part of the return range: a narrower scale would magnify noise

Records = Mapping[int, TrialRecord]


class Scale(NamedTuple):
    """The scores of a task that are 0 and 1 in a comparison, and where they are from."""

    zero: float
    one: float
    source: str

    def normalized(self, score: float) -> float:
        """Return a score on this scale, at least -1. Regret is one minus it."""
        return max(LOWEST, (score - self.zero) / (self.one - self.zero))


def of_task(
    task: Task, score: str, objective: "ObjectiveLike", random: Sequence[Records], tested: Sequence[Records]
) -> Scale:
    """Return the scale of a task: that of its landscape, else of the comparison, else the return range of its env.

    Args:
        score: the name of the score that tuners are judged by.
        objective: what answered; the landscape's scores are compared with those of training and of landscapes only.
        random: the trials of random search's sweeps.
        tested: the incumbents' trials under test seeds.
    """
    from hpo import objectives  # reports do without

    narrowest = NARROWEST * (task.return_range[1] - task.return_range[0])
    of_landscape = _of_landscape(task, score) if objectives.path(objective) in objectives.OBJECTIVES else None
    for scale in (of_landscape, _of_comparison(task.fidelity, random, tested)):
        if scale is not None and scale.one - scale.zero >= narrowest:
            return scale
    return Scale(*task.return_range, "worst and best return of the env")


def _of_landscape(task: Task, score: str) -> Scale | None:
    """Return the median and the best score of the configs of the task's landscape; None without one of this very task."""
    from hpo.objectives.tabular import difference

    landscape = catalogue.available().get(task.landscape)
    if landscape is None or difference(landscape, task):
        return None
    try:
        scores = scoring.of_configs(landscape, score)
    except InputError:  # too few seeds for this score
        return None
    random = scores[1:] if landscape.has_default else scores
    return Scale(float(np.median(random)), float(scores.max()), "median and best config of the landscape")


def _of_comparison(fidelity: int, random: Sequence[Records], tested: Sequence[Records]) -> Scale | None:
    """Return the median score of random search's trials, and the best of all incumbents; None without random search."""
    drawn, best = _full_scores(random, fidelity), _full_scores(tested, fidelity)
    if not (drawn and best):
        return None
    return Scale(float(np.median(drawn)), max(best), "median trial of random search, and best incumbent")


def _full_scores(sweeps: Sequence[Records], fidelity: int) -> list[float]:
    trials = (trial for records in sweeps for trial in records.values())
    return [trial.score for trial in trials if trial.fidelity == fidelity]
