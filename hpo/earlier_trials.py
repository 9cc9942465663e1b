"""Trials of another sweep, or of a landscape, that a tuner is told before it is asked: a warm start.

They cost the sweep nothing and are none of its trials. A tuner is told those that were trained to the sweep's fidelity and
whose complete config, tuned and fixed, is one of the sweep's space; their scores are those that the sweep maximises.
"""

import dataclasses
import hashlib
import warnings
from collections.abc import Mapping
from typing import Any

from arl import config as configs
from arl import spaces
from arl.errors import InputError
from arl.records.lineage import lineage
from arl.records.settings import WarmStart
from arl.records.store import Store, TrialRecord, dumps
from arl.records.sweep import load_sweep
from arl.scalars import Scalar
from arl.text import plural
from hpo import objectives, scores, tasks, tuners
from hpo.plans import Plan
from hpo.results import result
from hpo.tasks import Task
from hpo.trial import Result, Trial
from landscapes import catalogue

SIZES = ("schedule_steps", "max_buffer_size")  # hyperparameters that follow from a task's fidelity and space

Records = Mapping[int, TrialRecord]


def add(plan: Plan, tuner: str | type, source: str, store: Store) -> Plan:
    """Return the plan with the trials of a source; as it is, after a warning, where the tuner learns from its own alone.

    Another warning says how many trials are left out.

    Args:
        source: the name of a sweep in the store, or with a `/` that of a landscape.

    Raises:
        InputError: no such source, a sweep that is running, another task, or a source of which no trial can be told.
    """
    task, records = _of_landscape(source) if "/" in source else _of_sweep(source, store)
    if task.name != plan.task.name:
        raise InputError(f"warm start must be of task {plan.task.name}, got {source!r}, which is of {task.name}")
    results = _results(plan, task, records)
    if not results:
        raise InputError(
            f"warm start needs a trial with a config of the space, trained for {plan.task.fidelity:,} env steps, got none in "
            f"the {plural(len(records), 'trial')} of {source!r}"
        )
    if not tuners.learns_from_others(tuner):
        name = plan.settings.tuner
        warnings.warn(f"tuner {name!r} learns nothing from earlier trials: the warm start has no effect", stacklevel=3)
        return plan
    if len(results) < len(records):
        warnings.warn(
            f"{len(records) - len(results)} of the {len(records)} trials of {source!r} are not told to the tuner: they are "
            "outside the space, trained to another fidelity, changed in mid-run, or repeats",
            stacklevel=3,
        )
    told = WarmStart(source, len(results), _checksum(results))
    return dataclasses.replace(plan, settings=dataclasses.replace(plan.settings, warm_start=told), earlier=results)


def _of_sweep(name: str, store: Store) -> tuple[Task, Records]:
    record = load_sweep(name, store)
    if store.is_running(name):
        raise InputError(f"warm start must be of a sweep that has ended, got {name!r}, which is running")
    return tasks.of_record(record.settings.task, record.space), record.records


def _of_landscape(name: str) -> tuple[Task, Records]:
    landscape = catalogue.get(name)
    objective = objectives.get("exact").on(landscape)
    trials = [Trial(i, config, objective.task.fidelity) for i, config in enumerate(landscape.plain_configs)]
    return objective.task, {record.trial: record for record in objective.evaluate(trials)}


def _results(plan: Plan, source: Task, records: Records) -> list[Result]:
    """Return the results that can be told, with negative ids; of trials of the same config, that of the most seeds."""
    chosen: dict[str, tuple[TrialRecord, dict[str, Scalar]]] = {}
    for record in sorted(records.values(), key=lambda record: (len(record.seeds), record.trial)):
        config = _config(plan.task, source, record, records)
        if config is not None:
            chosen[dumps(config)] = record, config
    return [
        _result(plan, source, Trial(-i, config, record.fidelity), record, records)
        for i, (record, config) in enumerate(chosen.values(), 1)
    ]


def _config(task: Task, source: Task, record: TrialRecord, records: Records) -> dict[str, Scalar] | None:
    """Return the config of the task's space that is trained as a trial of another sweep was; None if there is none."""
    has_changed = any(ancestor.config != record.config for ancestor in lineage(record, records))
    if record.fidelity != task.fidelity or has_changed:
        return None
    values, config = _complete(source, record.config), dict[str, Any]()
    for name in task.space:
        if spaces.is_active(task.space, name, config):
            config[name] = values.get(name)
    try:
        spaces.check(task.space, config)
    except InputError:
        return None
    return config if _complete(task, config) == values else None


def _complete(task: Task, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return all hyperparameters and params of the env that a config stands for, without those that follow from the task."""
    params = {configs.ENV_PREFIX + name: value for name, value in task.env_params(config).items()}
    complete = {**configs.values(task.full(config)), **params}
    return {name: value for name, value in complete.items() if name not in SIZES}


def _result(plan: Plan, source: Task, trial: Trial, record: TrialRecord, records: Records) -> Result:
    """Return the result of a trial by the scores of the plan."""
    names, settings = plan.settings.scores, source.settings()
    scores.check_sources(names, {run.outcome.source for run in record.runs if run.outcome.source is not None})
    several = scores.several(record, names if len(names) > 1 else (), settings, records)
    return result(trial, scores.score(record, names, settings, records), several)


def _checksum(results: list[Result]) -> str:
    """Return a checksum of what the tuner is told."""
    return hashlib.sha256(dumps([dataclasses.asdict(result) for result in results]).encode()).hexdigest()
