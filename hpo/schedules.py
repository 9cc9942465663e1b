"""Schedules: the configs that an agent was trained with, one after the other."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from envs.errors import unknown
from hpo.trial import Scalar, Trial
from landscapes.record import SweepRecord
from landscapes.store import TrialRecord


class Stretch(NamedTuple):
    """Training from one number of env steps to another under one config."""

    start: int
    end: int
    config: dict[str, Scalar]


def schedule_of(trials: SweepRecord | Iterable[Trial | TrialRecord], trial_id: int) -> list[Stretch]:
    """How the agent of a trial came about: its ancestors from the first one on, with what each was trained with.

    Neighbours with equal configs are one stretch, since going on is the same as never having stopped. The schedule of a
    population's winner is its result: what to train again, on other seeds.

    Example:
        >>> sweep = hpo.sweep("ppo/CartPole-v1", "pbt", budget=8)
        >>> schedule_of(sweep, sweep.incumbent["trial"])

    Raises:
        InputError: no such trial.
    """
    known = _by_id(trials)
    if trial_id not in known:
        raise unknown("trial", str(trial_id), map(str, known))
    lineage = [known[trial_id]]
    while lineage[-1].parent is not None:
        lineage.append(known[lineage[-1].parent])
    stretches: list[Stretch] = []
    for trial in reversed(lineage):
        start = stretches[-1].end if stretches else 0
        if stretches and stretches[-1].config == trial.config:
            start = stretches.pop().start
        stretches.append(Stretch(start, trial.fidelity, dict(trial.config)))
    return stretches


def _by_id(trials: SweepRecord | Iterable[Trial | TrialRecord]) -> Mapping[int, Trial | TrialRecord]:
    if isinstance(trials, SweepRecord):
        return trials.records
    return {trial.id if isinstance(trial, Trial) else trial.trial: trial for trial in trials}
