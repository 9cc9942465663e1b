"""The promises that every objective must keep, checked on a task. `hpo.testing.check_objective` is the way in."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from arl import spaces
from arl.records.store import RunRecord, TrialRecord
from hpo import contract, objectives
from hpo.objectives import Objective, ObjectiveLike
from hpo.tasks import Task
from hpo.trial import Trial


def check(objective: ObjectiveLike, task: Task, seeds: Sequence[int], configs: Sequence[dict[str, Any]]) -> None:
    """Check an objective on the configs of a task.

    Raises:
        InputError: it lacks what an objective has, or a record breaks the contract.
        AssertionError: the first promise that is broken.
    """
    made = objectives.make(objective, task, seeds, len(configs))
    name = objectives.path(objective)
    made.check()
    trials = [Trial(i, config, task.fidelity) for i, config in enumerate(configs)]
    together = _records(made, name, trials)
    for trial in trials:
        alone = _records(made.fresh(), name, [trial])
        _require_same(together, alone, f"{name}: trial {trial.id} alone and among others")
    few = [dataclasses.replace(trial, seeds=tuple(seeds[:1])) for trial in trials]
    for number, record in _records(made.fresh(), name, few).items():
        _require_same_runs(
            together[number].runs[:1], record.runs, f"{name}: trial {number} under one seed and under all"
        )
    _check_parents(made, name, trials[0])
    _check_plain(made, name)


def _check_parents(objective: Objective, name: str, trial: Trial) -> None:
    """A trial goes on from one that was evaluated as from one that is only remembered."""
    lower = max(objective.min_fidelity, trial.fidelity // 2)
    if lower >= trial.fidelity:
        return
    parent = dataclasses.replace(trial, fidelity=lower)
    child = dataclasses.replace(trial, id=trial.id + 1, parent=parent.id)
    first, second = objective.fresh(), objective.fresh()
    _records(first, name, [parent])
    second.remember([parent])
    evaluated, remembered = _records(first, name, [child]), _records(second, name, [child])
    _require_same(
        evaluated, remembered, f"{name}: a trial with a parent that was evaluated and with one that is remembered"
    )


def _check_plain(objective: Objective, name: str) -> None:
    for value, what in ((objective.provenance(), "provenance"), (objective.costs(), "costs")):
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise AssertionError(f"{name}: {what} must be JSON values, got {value!r}") from error


def _records(objective: Objective, name: str, trials: Sequence[Trial]) -> dict[int, TrialRecord]:
    records = contract.checked_records(objective.evaluate(trials), trials, objective, name)
    return {record.trial: record for record in records}


def _require_same(one: dict[int, TrialRecord], other: dict[int, TrialRecord], where: str) -> None:
    for number in one.keys() & other.keys():
        _require_same_runs(one[number].runs, other[number].runs, where)
        if (one[number].status, one[number].score) != (other[number].status, other[number].score):
            raise AssertionError(f"{where} must have one score, got {one[number].score} and {other[number].score}")


def _require_same_runs(one: Sequence[RunRecord], other: Sequence[RunRecord], where: str) -> None:
    for run, again in zip(one, other, strict=True):
        if repr((run.status, run.score, run.points)) != repr((again.status, again.score, again.points)):
            raise AssertionError(f"{where} must be the same, got {run.score} and {again.score} under seed {run.seed}")


def near_default(task: Task, num: int) -> list[dict[str, Any]]:
    """Return the default config, and up to `num` others that a space has at random."""
    configs = [spaces.default(task.space), *(spaces.sample(task.space, [0, i]) for i in range(num))]
    return list({json.dumps(config, sort_keys=True): config for config in configs}.values())
