"""The training of one config by the command line: a sweep of one trial, with its curve drawn and its agents saved."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace

from arl import config, files, spaces
from arl.errors import InputError
from arl.records.lineage import lineage
from arl.records.store import Store, TrialRecord
from arl.records.sweep import SweepRecord, load_sweep
from arl.text import seed_list
from hpo import loggers, plans, sweeps, tasks
from hpo.autorl import schedules
from hpo.autorl.schedules import Schedule
from hpo.objectives.training import Training
from hpo.reports.sweep_figures import save_curve

CHAIN = "hpo.autorl.schedules:Chain"
_LONGEST_LIST = 40


@dataclasses.dataclass(frozen=True)
class Source:
    """What a training starts from.

    Attributes:
        task: the task, whose fixed hyperparameters and default config hold what `values` leaves out.
        values: hyperparameters by name, a list for one that changes in mid-run.
        label: what the names of its trainings begin with.
        changes: those of `values` that stand in such a name.
        used_seeds: seeds that `seeds` as a number leaves out.
    """

    task: tasks.Task
    values: Mapping[str, Any]
    label: str
    changes: Mapping[str, Any]
    used_seeds: tuple[int, ...] = ()

    def seeds(self, wanted: int | Sequence[int]) -> int | Sequence[int]:
        """Return the seeds to train under: those that are given, or as many as are asked for, the first unused ones."""
        if not isinstance(wanted, int) or not self.used_seeds:
            return wanted
        unused = (seed for seed in range(plans.FIRST_TEST_SEED + 1) if seed not in self.used_seeds)
        return list(itertools.islice(unused, max(wanted, 0)))


@dataclasses.dataclass(frozen=True)
class Trained:
    """The record of a training, and the paths of its picture and of its agents, one per seed."""

    record: SweepRecord
    picture: Path
    agents: list[Path]


def with_episodes(source: Source, episodes: int | None) -> Source:
    """Return the source with so many episodes of an evaluation; without a number as it is."""
    return dataclasses.replace(source, task=tasks.with_episodes(source.task, episodes))


def from_task(name: str, space: str, fidelity: int | None, changes: Mapping[str, Any]) -> Source:
    """Return a task's default config in one of its spaces, with changes.

    Raises:
        InputError: see `tasks.get`.
    """
    label = "-".join(name.split("/"))
    return Source(tasks.get(name, space, fidelity), changes, label if space == "full" else f"{label}-{space}", changes)


def from_sweep(
    location: str, task: str | None, fidelity: int | None, changes: Mapping[str, Any], store: Store
) -> Source:
    """Return the complete config of a recorded trial, with changes; of a trial that has ancestors their schedule.

    Args:
        location: `SWEEP` for its incumbent, or `SWEEP:TRIAL`.
        task: refused unless it is that of the sweep, or None.
        fidelity: env steps to train for; by default those of the trial.

    Raises:
        InputError: no such sweep or trial, a sweep without an incumbent, or of another task.
    """
    record, trial = _recorded(location, store)
    settings = record.settings.task
    if task not in (None, settings.name):
        raise InputError(f"task must be that of sweep {record.name!r}, {settings.name}, got {task}")
    if fidelity is not None:
        tasks.check_fidelity(fidelity)
    steps = trial.fidelity if fidelity is None else fidelity
    recorded = tasks.of_record(settings, record.space)
    chosen = dataclasses.replace(recorded, space=ConfigurationSpace(name="fixed"), fidelity=steps)
    values = {**settings.fixed, **_schedule(record, trial), **changes}
    return Source(chosen, values, f"{record.name}-{trial.trial}", changes, record.settings.seeds)


def _recorded(location: str, store: Store) -> tuple[SweepRecord, TrialRecord]:
    """Return the record of a sweep, and its trial that `SWEEP:TRIAL` names, or its incumbent."""
    name, colon, number = location.rpartition(":")
    if not (colon and number.isdecimal()) or location in store:
        record = load_sweep(location, store)
        if store.is_running(location):
            finished = next(iter(record.records), None)
            or_name = f", or name a trial, e.g. --from {location}:{finished}" if finished is not None else ""
            raise InputError(f"sweep {location!r} is running: wait{or_name}")
        if record.incumbent is None:
            raise InputError(f"sweep {location!r} must have a completed trial to train its incumbent, got none")
        return record, record.records[record.incumbent["trial"]]
    record = load_sweep(name, store)
    return record, record.trial(int(number))


def _schedule(record: SweepRecord, trial: TrialRecord) -> dict[str, Any]:
    """Return the values that a trial's agent was trained with, lists of those that changed in mid-run.

    Raises:
        InputError: they changed at env steps that no equal intervals end at.
    """
    stretches = schedules.schedule_of(record, trial.trial)
    network_seed = lineage(trial, record.records)[0].network_seed
    networks = {"network_seed": network_seed} if network_seed else {}
    return {**schedules.of_stretches(stretches).values, **networks}


def train(
    source: Source,
    seeds: int | Sequence[int],
    name: str | None,
    store: Store,
    out: Path,
    view: sweeps.View,
    log: Sequence[str] = (),
) -> Trained:
    """Train a config under all seeds at once, and record it as a sweep of one trial.

    Values that are lists make it a schedule: a trial per stretch, each going on from the one before.

    `log`: names of loggers, see `hpo.loggers`.

    Raises:
        InputError: unknown names, values outside a hyperparameter's domain, a list for one that can't change while an agent
            is trained, intervals shorter than an iteration, or no directory to write to.
    """
    files.check_directory(out, "out")
    schedule = _checked(Schedule(source.values), source.task)
    fixed = complete(source.task, schedule)
    plan = _plan(fixed, schedule, source.seeds(seeds))
    chosen = default_name(plan, source.label, source.changes) if name is None else name
    objective = Training(fixed, plan.settings.seeds, plan.settings.batch, keep_finished=True)
    heard_by = loggers.make(log, chosen, plan.settings)
    sweep = sweeps.make(plan, plan.settings.tuner, objective, chosen, store, view, loggers=heard_by)
    record = sweep.run()
    agents = _save_agents(sweep, objective, out / "agents" / chosen)
    return Trained(record, save_curve(record, out / f"{chosen}.png"), agents)


def _plan(task: tasks.Task, schedule: Schedule, seeds: int | Sequence[int]) -> plans.Plan:
    """Return the plan of the sweep that trains a schedule, or a single config."""
    if schedule.varying:
        return _plan_of_stretches(task, schedule, seeds)
    return plans.plan(task, "default", trials=1, seeds=seeds)


def _plan_of_stretches(task: tasks.Task, schedule: Schedule, seeds: int | Sequence[int]) -> plans.Plan:
    """Return the plan of a trial per stretch, each going on from the one before."""
    _check_intervals(schedule, task)
    num_trials, options = len(schedule.stretches(task.fidelity)), {"schedule": schedule.varying}
    return plans.plan(task, CHAIN, trials=num_trials, seeds=seeds, options=options)


def default_name(plan: plans.Plan, label: str, changes: Mapping[str, Any]) -> str:
    """Return a name such as `train-ppo-CartPole-v1-learning_rate=0.001-seeds=10`, which tells apart all trainings of a task.

    Seeds are written as on the command line, as their number or the seeds themselves. The fidelity follows if it is not
    the task's, and the episodes of an evaluation if they are not 128.
    """
    task, seeds = plan.task, plan.settings.seeds
    first = tuple(range(len(seeds)))
    listed = str(len(seeds)) if seeds == first else seed_list(seeds)
    named = {key: _short(value) for key, value in changes.items()} | {"seeds": listed}
    if task.fidelity != task.usual_fidelity:
        named["fidelity"] = str(task.fidelity)
    if task.num_episodes != tasks.Task.num_episodes:
        named["episodes"] = str(task.num_episodes)
    parts = ("train", label, *(f"{key}={value}" for key, value in named.items()))
    return plans.fitting("-".join(parts).replace("/", "."))


def _short(value: Any) -> str:
    """Return a value as it stands in a name; a long list becomes its length and a hash of its values."""
    if not isinstance(value, list | tuple):
        return str(value)
    text = json.dumps(value, separators=(",", ":"))
    return (
        text if len(text) <= _LONGEST_LIST else f"{len(value)}-values-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    )


def complete(task: tasks.Task, schedule: Schedule) -> tasks.Task:
    """Return the task with all hyperparameters fixed except those that the schedule varies, whose choices are its lists."""
    full = task.full({**spaces.default(task.space), **schedule.config(0)})
    lists = [Categorical(name, list(dict.fromkeys(values))) for name, values in schedule.varying.items()]
    params = {config.ENV_PREFIX + name: value for name, value in task.env_params(schedule.config(0)).items()}
    complete = {**config.values(full), **params}
    fixed = {name: value for name, value in complete.items() if name not in schedule.varying}
    space = ConfigurationSpace(name="fixed", space=lists)
    return dataclasses.replace(
        task, fixed=fixed, space=space, preset="fixed", preset_space=None, changes=dict(schedule.values)
    )


def _checked(schedule: Schedule, task: tasks.Task) -> Schedule:
    """Return the schedule with each value converted to its hyperparameter's type.

    Raises:
        InputError: a value outside its domain, or a list for a hyperparameter that can't change in mid-run.
    """
    lists = {name: [task.checked(name, value) for value in values] for name, values in schedule.varying.items()}
    hyperparameters, _ = config.split(lists)
    immutable = [name for name in hyperparameters if name not in config.mutable(task.algorithm.Config)]
    if immutable:
        raise InputError(f"{immutable[0]} can't change while an agent is trained: it must be one value, got a list")
    return Schedule(
        {name: lists[name] if name in lists else task.checked(name, value) for name, value in schedule.values.items()}
    )


def _check_intervals(schedule: Schedule, task: tasks.Task) -> None:
    """Refuse intervals in which an agent can't be trained."""
    configs = [task.full(schedule.config(i)) for i in range(schedule.num_intervals)]
    schedules.check_intervals(task.algorithm, configs, task.fidelity, schedule.num_intervals)


def _save_agents(sweep: sweeps.Sweep, objective: Training, directory: Path) -> list[Path]:
    """Save one agent per seed, and return the paths; existing files of a trial that is on record are kept as they are."""
    paths = {seed: directory / f"seed{seed}.agent" for seed in objective.seeds}
    if not (len(sweep.recorded) == len(sweep.finished) and all(path.is_file() for path in paths.values())):
        objective.save_agents(max(sweep.asked), paths)
    return list(paths.values())
