"""The conformance suite for objectives: the promises that every objective must keep, checked on a task."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from arl import spaces
from arl.records.store import RunRecord, TrialRecord
from hpo import contract, objectives, tasks
from hpo.objectives import Objective, ObjectiveLike
from hpo.tasks import Task
from hpo.trial import Trial


def check_objective(
    objective: ObjectiveLike,
    task: str | Task,
    seeds: Sequence[int] = (0, 1),
    configs: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Check that an objective keeps the contract of `hpo.Objective`.

    Records are of the trials that were asked, with a run per seed and finite scores; a trial gets the same runs alone,
    among others, under few seeds, and after a fresh start; one with a parent gets the same whether the parent was evaluated
    or is remembered.

    Args:
        objective: a registered name, `module:Class`, `file.py:Class`, a class, or an instance of this task and these seeds.
        task: a task or its name; a short one, as each config is evaluated three times.
        seeds: under which trials are evaluated.
        configs: of the task's space; by default the default config and three random ones.

    Raises:
        InputError: it lacks what an objective has, or a record breaks the contract.
        AssertionError: the first promise that is broken.
    """
    task = tasks.get(task) if isinstance(task, str) else task
    configs = _configs(task, 3) if configs is None else configs
    made = objectives.make(objective, task, seeds, len(configs))
    name = objectives.path(objective)
    made.check()
    trials = [Trial(i, dict(config), task.fidelity) for i, config in enumerate(configs)]
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
    """Check that a trial goes on from a parent that is only remembered as from one that was evaluated."""
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


def _require_same(first: dict[int, TrialRecord], second: dict[int, TrialRecord], where: str) -> None:
    for number in first.keys() & second.keys():
        _require_same_runs(first[number].runs, second[number].runs, where)
        if (first[number].status, first[number].score) != (second[number].status, second[number].score):
            raise AssertionError(f"{where} must have one score, got {first[number].score} and {second[number].score}")


def _require_same_runs(first: Sequence[RunRecord], second: Sequence[RunRecord], where: str) -> None:
    for run, again in zip(first, second, strict=True):
        if repr((run.status, run.score, run.points)) != repr((again.status, again.score, again.points)):
            raise AssertionError(f"{where} must be the same, got {run.score} and {again.score} under seed {run.seed}")


def _configs(task: Task, num: int) -> list[dict[str, Any]]:
    """Return the default config, and up to `num` others that a space has at random."""
    configs = [spaces.default(task.space), *(spaces.sample(task.space, [0, i]) for i in range(num))]
    return list({json.dumps(config, sort_keys=True): config for config in configs}.values())
