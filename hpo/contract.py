"""Checks of what a tuner asks for and of what an objective answers.

Trials that break the contract are refused before anything of them is trained, records before they are written.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from arl import spaces
from arl.errors import InputError
from arl.records.store import COMPLETED, DIVERGED, FAILED, RunRecord, TrialRecord
from hpo import scores
from hpo.objectives import Objective
from hpo.plans import Plan
from hpo.trial import Trial, TunerError, copied


def check_trials(
    answer: Any, room: int, plan: Plan, asked: Collection[int], finished: Mapping[int, TrialRecord]
) -> list[Trial]:
    """Return copies of the trials that a tuner asks for, if they keep the contract; the tuner may go on changing its own.

    Args:
        answer: what `ask` gave.
        room: how many trials were asked for.
        plan: of the sweep.
        asked: the ids of the trials before.
        finished: the trials with a result, by id.

    Raises:
        TunerError: a breach; the line names the tuner and the trial.
    """
    who = f"tuner {plan.settings.tuner!r}"
    if not isinstance(answer, Sequence):
        raise TunerError(f"{who} must give a list of trials, got {answer!r}")
    trials = list(answer)
    if len(trials) > room:
        raise TunerError(f"{who} must give at most the {room} trials asked for, got {len(trials)}")
    for trial in trials:
        if not isinstance(trial, Trial):
            raise TunerError(f"{who} must give hpo.Trial objects, got {trial!r}")
        try:
            _check_types(trial)
            _check_values(trial, plan, finished)
        except InputError as error:
            raise TunerError(f"{who}, trial {trial.id}: {error}") from error
    seen = [trial.id for trial in trials]
    twice = next((i for i in seen if i in asked or seen.count(i) > 1), None)
    if twice is not None:
        raise TunerError(f"{who} must give each trial an id of its own, got {twice} twice")
    return [copied(trial) for trial in trials]


def _check_types(trial: Trial) -> None:
    """Refuse a trial with anything but plain Python values, which is what the store holds."""
    for name in ("id", "fidelity"):
        if type(getattr(trial, name)) is not int:
            raise InputError(f"{name} must be an int, got {getattr(trial, name)!r}")
    if not 0 <= trial.id < 2**63:
        raise InputError(f"id must be in [0, 2**63 - 1], got {trial.id}")
    if trial.parent is not None and type(trial.parent) is not int:
        raise InputError(f"parent must be an int or None, got {trial.parent!r}")
    if not isinstance(trial.config, Mapping):
        raise InputError(f"config must be a mapping, got {trial.config!r}")
    strays = [name for name in trial.config if not isinstance(name, str)]
    if strays:
        raise InputError(f"config must have names of hyperparameters for its keys, got {strays[0]!r}")
    for name, value in trial.config.items():
        if type(value) not in (bool, int, float, str):
            raise InputError(f"{name} must be a plain Python scalar (hpo.plain makes it one), got {value!r}")
    if type(trial.network_seed) is not int or not 0 <= trial.network_seed < 2**31:
        raise InputError(f"network_seed must be an int in [0, 2**31 - 1], got {trial.network_seed!r}")
    is_list = isinstance(trial.seeds, Sequence) and all(type(seed) is int for seed in trial.seeds)
    if trial.seeds is not None and not is_list:
        raise InputError(f"seeds must be a list of int or None, got {trial.seeds!r}")


def _check_values(trial: Trial, plan: Plan, finished: Mapping[int, TrialRecord]) -> None:
    most, seeds = plan.task.fidelity, plan.settings.seeds
    spaces.check(plan.task.space, trial.config)
    if not 1 <= trial.fidelity <= most:
        raise InputError(f"fidelity must be in [1, {most}], got {trial.fidelity}")
    if trial.seeds is not None and not (
        trial.seeds and set(trial.seeds) <= set(seeds) and len(set(trial.seeds)) == len(trial.seeds)
    ):
        raise InputError(f"seeds must be among the tuning seeds {seeds}, got {trial.seeds}")
    scores.check_seeds(plan.settings.scores, len(trial.seeds or seeds))
    if trial.parent is not None:
        _check_parent(trial, finished.get(trial.parent), trial.seeds or seeds)


def _check_parent(trial: Trial, parent: TrialRecord | None, seeds: tuple[int, ...]) -> None:
    if parent is None:
        raise InputError(f"parent must be a finished trial, got {trial.parent}")
    if parent.status == FAILED:
        raise InputError(f"parent must be a trial that was trained, got {trial.parent}, which failed")
    if parent.fidelity >= trial.fidelity:
        raise InputError(f"fidelity must exceed its parent's {parent.fidelity}, got {trial.fidelity}")
    if not set(seeds) <= set(parent.seeds):
        raise InputError(f"seeds must be among its parent's {tuple(parent.seeds)}, got {seeds}")


def checked_records(
    records: Iterable[TrialRecord], trials: Sequence[Trial], objective: Objective, name: str
) -> Iterator[TrialRecord]:
    """Yield an objective's records as they come, if each keeps the contract and every trial has one.

    Args:
        records: what `evaluate` gave.
        trials: what it was asked.
        objective, name: the objective that answers, and its name in messages.

    Raises:
        InputError: a breach; the line names the objective and the trial.
    """
    who = f"objective {name!r}"
    waiting = {trial.id: trial for trial in trials}
    for record in records:
        if not isinstance(record, TrialRecord):
            raise InputError(f"{who} must give records of trials, got {record!r}")
        if record.trial not in waiting:
            raise InputError(f"{who} must give one record of each trial that it is asked, got one of {record.trial}")
        check_record(record, waiting.pop(record.trial), objective, name)
        yield record
    if waiting:
        raise InputError(f"{who} must give a record of each trial that it is asked, got none of {next(iter(waiting))}")


def check_record(record: TrialRecord, trial: Trial, objective: Objective, name: str) -> None:
    """Refuse an objective's record of a trial that breaks the contract.

    Raises:
        InputError: a breach; the line names the objective and the trial.
    """
    try:
        _check_record(record, trial, objective.seeds_of(trial))
    except InputError as error:
        raise InputError(f"objective {name!r}, trial {trial.id}: {error}") from error


def _check_record(record: TrialRecord, trial: Trial, seeds: Sequence[int]) -> None:
    given = {"config": dict(record.config), "fidelity": record.fidelity, "parent": record.parent}
    asked = {"config": dict(trial.config), "fidelity": trial.fidelity, "parent": trial.parent}
    for key, value in asked.items():
        if given[key] != value:
            raise InputError(f"{key} must be that of the trial, {value!r}, got {given[key]!r}")
    if [run.seed for run in record.runs] != sorted(seeds) or sorted(record.seeds) != sorted(seeds):
        raise InputError(f"runs must be those of the seeds {tuple(seeds)}, got {[run.seed for run in record.runs]}")
    for score in (record.score, *(run.score for run in record.runs)):
        if not (isinstance(score, int | float) and math.isfinite(score)):
            raise InputError(f"score must be a finite number, got {score!r}")
    for run in record.runs:
        _check_run(run, trial.fidelity)


def _check_run(run: RunRecord, fidelity: int) -> None:
    if run.status not in (COMPLETED, DIVERGED, FAILED):
        raise InputError(f"status must be completed, diverged or failed, got {run.status!r}")
    if not run.points and run.status != FAILED:
        raise InputError(f"points must be at least one unless the run has failed, got none under seed {run.seed}")
    steps = [point.env_steps for point in run.points]
    if steps != sorted(steps) or (steps and steps[-1] > fidelity):
        raise InputError(f"points must be in the order of their env steps, at most {fidelity}, got {steps}")
